"""What this process reads from the environment."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from shared.environment import CanarySeconds, Networks, ProcessSettings, SealingSettings, Seconds
from shared.retention import Days

RETRY_SCHEDULE = [0.0, 5.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0]
DISABLE_AFTER = 5 * 86400.0


def _with_a_canary(url: str, given: ValidationInfo) -> str:
    if not given.data.get("canary_seconds"):
        raise PydanticCustomError(
            "no_canary", "it says that the canary arrives, and KEEPWATCH_CANARY_SECONDS sends none"
        )
    return url


class Settings(SealingSettings, ProcessSettings):
    """The notifier's settings; `retry_schedule` has one delay before each attempt, the first one included.

    A channel with nothing but failures for `disable_after_seconds` is disabled.
    """

    public_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    webhook_networks: Networks = []
    disable_after_seconds: Annotated[float, Field(gt=0, le=366 * 86400)] = DISABLE_AFTER
    retry_schedule: Annotated[Seconds, Field(min_length=1)] = RETRY_SCHEDULE
    keep_deliveries_days: Days = 90
    canary_seconds: CanarySeconds = 0
    ping_url: Annotated[str, Field(pattern=r"^https?://"), AfterValidator(_with_a_canary)] | None = Field(
        default=None, repr=False
    )
