"""What every answer and handler of this service needs at hand."""

from dataclasses import dataclass

from services.jobs.intake import Intake
from services.jobs.news import News
from shared.db import Pool
from shared.sealing import Sealer


@dataclass(frozen=True)
class Desk:
    """The database, the key to the secrets, the way to be heard, and the tray where reports wait."""

    pool: Pool
    sealer: Sealer
    news: News
    intake: Intake
