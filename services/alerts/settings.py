"""What the alerts process reads from its environment."""

from shared.environment import ProcessSettings


class Settings(ProcessSettings):
    """Nothing beyond what every service reads."""
