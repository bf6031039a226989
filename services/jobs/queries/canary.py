"""The statement that says whether a canary is due."""

from datetime import datetime, timedelta

from shared.db import Connection


async def due(tx: Connection, interval: timedelta) -> datetime | None:
    """Now, if the last one was sent longer ago than this, and whoever asks is to send another; else null."""
    now: datetime | None = await tx.fetchval(
        "UPDATE jobs.canary SET sent_at = now() WHERE sent_at <= now() - $1::interval RETURNING clock_timestamp()",
        interval,
    )
    return now
