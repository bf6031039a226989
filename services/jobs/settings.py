"""What the jobs service reads from its environment."""

from shared.environment import CanarySeconds, ProcessSettings, SealingSettings
from shared.retention import Days


class Settings(SealingSettings, ProcessSettings):
    """`secret_key` seals the repositories' secrets: lose it and they have to be entered again."""

    demo: bool = False
    canary_seconds: CanarySeconds = 0
    keep_jobs_days: Days = 400
    keep_job_logs_days: Days = 90
