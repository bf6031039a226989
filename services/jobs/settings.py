"""What the jobs service reads from its environment."""

from pydantic import Field

from shared.environment import ProcessSettings
from shared.sealing import MIN_KEY_CHARACTERS


class Settings(ProcessSettings):
    """`secret_key` seals the repositories' secrets: lose it and they have to be entered again."""

    secret_key: str = Field(min_length=MIN_KEY_CHARACTERS, repr=False)
    demo: bool = False
