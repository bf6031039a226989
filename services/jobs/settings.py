"""What the jobs service reads from its environment."""

from shared.environment import ProcessSettings, SealingSettings
from shared.retention import Days


class Settings(SealingSettings, ProcessSettings):
    """`secret_key` seals the repositories' secrets: lose it and they have to be entered again."""

    demo: bool = False
    keep_jobs_days: Days = 400
    keep_job_logs_days: Days = 90
