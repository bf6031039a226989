"""What was looked at, and how it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing; `advice` is what to do where it is not good, or, of a `note`, where it is not as it should stay."""

    what: str
    good: bool
    detail: str
    advice: str = ""
    note: bool = False

    def __str__(self) -> str:
        """What, and how it is."""
        return f"{self.what}: {self.detail}"
