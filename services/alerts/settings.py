"""What the alerts process reads from its environment."""

from shared.environment import ProcessSettings
from shared.retention import Days


class Settings(ProcessSettings):
    """For how long alerts and what belongs to them are kept; `keep_jobs_days` is for what the ends of jobs did."""

    keep_alerts_days: Days = 400
    keep_jobs_days: Days = 400
    keep_inbox_days: Days = 30
