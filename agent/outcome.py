"""How a job ended, before it is told to anybody."""

from dataclasses import dataclass
from typing import Any

from shared.vocabulary import ErrorClass, TerminalStatus

LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Outcome:
    """A job's end state; `message` is what the program said, short enough to be read."""

    status: TerminalStatus
    error_class: ErrorClass | None = None
    message: str | None = None
    exit_code: int | None = None
    summary: dict[str, Any] | None = None


def failed(error_class: ErrorClass, message: str, exit_code: int | None = None) -> Outcome:
    """The job did not do what it was for."""
    return Outcome(TerminalStatus.FAILED, error_class, message, exit_code)


class JobFailed(Exception):  # noqa: N818  it carries an outcome, and is no fault of the agent
    """Ends a job early with its outcome."""

    def __init__(self, error_class: ErrorClass, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.outcome = failed(error_class, message, exit_code)
