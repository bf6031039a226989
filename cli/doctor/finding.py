"""What was looked at, and how it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing; `advice` is what to do where it is not good."""

    what: str
    good: bool
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        """What, and how it is."""
        return f"{self.what}: {self.detail}"
