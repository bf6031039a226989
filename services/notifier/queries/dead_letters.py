"""Messages that could not be handled. Whether any are left decides about an alert."""

from datetime import datetime
from uuid import UUID

from shared.asks.dead_letters import DeadLetter, DeadLetterWithPayload, as_text
from shared.db import Connection, Pool

DEAD_LETTERS = 4_201_735
"""Advisory lock: a letter that comes and the last one that goes must not pass each other unseen."""


async def hold(tx: Connection) -> None:
    """Be the only one who sets aside or replays, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", DEAD_LETTERS)


async def set_aside(tx: Connection, subject: str, stream_seq: int, payload: bytes, error: str) -> bool:
    """Keep a message that nobody could handle; whether it is new: the same one again changes nothing. Needs `hold`."""
    kept = await tx.fetchval(
        """
        INSERT INTO notifier.dead_letter (subject, stream_seq, payload, error) VALUES ($1, $2, $3, $4)
        ON CONFLICT (stream_seq, md5(payload)) DO NOTHING
        RETURNING uid
        """,
        subject,
        stream_seq,
        payload,
        error,
    )
    return kept is not None


async def newest_first(pool: Pool, before: tuple[datetime, UUID] | None, most: int) -> list[DeadLetter]:
    """Dead letters from a place in the list on."""
    rows = await pool.fetch(
        """
        SELECT uid AS id, 'notifier' AS service, subject, stream_seq, error, set_aside_at AS created_at
        FROM notifier.dead_letter
        WHERE $1::timestamptz IS NULL OR (set_aside_at, uid) < ($1, $2::uuid)
        ORDER BY set_aside_at DESC, uid DESC LIMIT $3
        """,
        *(before or (None, None)),
        most,
    )
    return [DeadLetter(**row) for row in rows]


async def one(pool: Pool, identity: UUID) -> DeadLetterWithPayload | None:
    """One dead letter as it may be shown."""
    row = await pool.fetchrow(
        """
        SELECT uid AS id, 'notifier' AS service, subject, stream_seq, error, set_aside_at AS created_at,
            payload, length(payload) AS payload_bytes
        FROM notifier.dead_letter WHERE uid = $1
        """,
        identity,
    )
    return DeadLetterWithPayload(**{**row, "payload": as_text(row["payload"])}) if row else None


async def take(tx: Connection, identity: UUID) -> tuple[str, bytes] | None:
    """The subject and the bytes of a dead letter. Needs `hold`."""
    row = await tx.fetchrow("SELECT subject, payload FROM notifier.dead_letter WHERE uid = $1", identity)
    return (row["subject"], row["payload"]) if row else None


async def remove(tx: Connection, identity: UUID) -> bool:
    """Forget a dead letter that has been handled; whether it was the last one. Needs `hold`."""
    await tx.execute("DELETE FROM notifier.dead_letter WHERE uid = $1", identity)
    return await tx.fetchval("SELECT NOT EXISTS (SELECT FROM notifier.dead_letter)")


async def note_error(tx: Connection, identity: UUID, error: str) -> None:
    """Remember why it failed this time."""
    await tx.execute("UPDATE notifier.dead_letter SET error = $2 WHERE uid = $1", identity, error)
