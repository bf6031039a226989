"""How long things are kept: so many days as a setting says, but always longer than the stream may bring them again."""

from typing import Annotated

from prometheus_client import Counter
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from shared.streams import MAX_AGE

LEAST_DAYS = MAX_AGE.days + 2
"""The stream's seven days, one more for clocks and restarts, and then one: what is removed can't come again."""
SECONDS = 600.0
"""Between two looks for what has become too old."""
BATCH = 500
"""Rows that one transaction removes, or nearly: few enough that nobody waits for it."""
REMOVED = Counter("keepwatch_rows_removed", "Rows removed because they had become too old", ["table"])


def _longer_than_the_stream(days: int) -> int:
    if days < LEAST_DAYS:
        raise PydanticCustomError(
            "too_few_days",
            "it has to be at least {least} days, since the stream may bring back what is {stream} days old",
            {"least": LEAST_DAYS, "stream": MAX_AGE.days},
        )
    return days


Days = Annotated[int, Field(le=36_500), AfterValidator(_longer_than_the_stream)]
"""For how many days something is kept."""
