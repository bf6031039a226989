"""What is wrong with the notifier itself, until alerts has been told."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.asks.alerts import OwnKind, TellOwnTrouble
from shared.db import Connection, Pool
from shared.vocabulary import AlertKind

DEAD_LETTERS: tuple[OwnKind, str, str] = AlertKind.DEAD_LETTER, "notifier", "notifier"
"""The kind, key and name of what dead letters of this service are."""


async def note_wrong(tx: Connection, kind: OwnKind, dedup_key: str, name: str, message: str) -> None:
    """Something went wrong: alerts is told of it after the commit."""
    await tx.execute(
        """
        INSERT INTO notifier.own_trouble (kind, dedup_key, name, message, over)
        VALUES ($1, $2, $3, $4, false)
        """,
        kind.value,
        dedup_key,
        name,
        message,
    )


async def note_over(tx: Connection, kind: OwnKind, dedup_key: str, name: str) -> None:
    """It is over."""
    await tx.execute(
        "INSERT INTO notifier.own_trouble (kind, dedup_key, name, over) VALUES ($1, $2, $3, true)",
        kind.value,
        dedup_key,
        name,
    )


async def to_tell(pool: Pool, most: int) -> list[TellOwnTrouble]:
    """What alerts has not been told yet, in the order it happened."""
    rows = await pool.fetch(
        """
        SELECT event_id, kind, dedup_key, name, message, over, at
        FROM notifier.own_trouble WHERE told_at IS NULL ORDER BY id LIMIT $1
        """,
        most,
    )
    return [TellOwnTrouble(**row) for row in rows]


async def told(pool: Pool, event_ids: Sequence[UUID]) -> None:
    """Alerts knows of these."""
    await pool.execute(
        "UPDATE notifier.own_trouble SET told_at = now() WHERE event_id = ANY ($1::uuid[]) AND told_at IS NULL",
        event_ids,
    )


async def forget(pool: Pool, older_than: timedelta) -> None:
    """Drop what alerts has known for so long, and what is not the last that was said of its key."""
    await pool.execute(
        """
        DELETE FROM notifier.own_trouble AS old
        WHERE told_at < now() - $1::interval
          AND (over OR EXISTS (SELECT FROM notifier.own_trouble AS newer
                               WHERE newer.kind = old.kind AND newer.dedup_key = old.dedup_key AND newer.id > old.id))
        """,
        older_than,
    )


async def said_wrong(tx: Connection, kind: OwnKind, dedup_key: str) -> bool:
    """Whether the last that was said of this key is that it is wrong."""
    wrong: bool | None = await tx.fetchval(
        """
        SELECT NOT over FROM notifier.own_trouble WHERE kind = $1 AND dedup_key = $2 ORDER BY id DESC LIMIT 1
        """,
        kind.value,
        dedup_key,
    )
    return bool(wrong)
