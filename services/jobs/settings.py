"""What the jobs service reads from its environment."""

from shared.environment import ProcessSettings, SealingSettings


class Settings(SealingSettings, ProcessSettings):
    """`secret_key` seals the repositories' secrets: lose it and they have to be entered again."""

    demo: bool = False
