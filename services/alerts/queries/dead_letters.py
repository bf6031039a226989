"""The statements about messages that could not be handled. Whether any are left decides about an alert."""

from datetime import datetime
from uuid import UUID

from services.alerts.model import Letter
from shared.asks.dead_letters import DeadLetter, DeadLetterWithPayload, as_text
from shared.db import Connection, Pool

DEAD_LETTERS = 4_201_734
"""Advisory lock: a letter that comes and the last one that goes must not pass each other unseen."""


async def hold(tx: Connection) -> None:
    """Be the only one who sets aside or replays, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", DEAD_LETTERS)


async def set_aside(tx: Connection, letter: Letter) -> datetime | None:
    """Keep a message that could not be handled; when that was. None when it is kept already. Needs `hold`."""
    return await tx.fetchval(
        """
        INSERT INTO alerts.dead_letter (subject, stream_seq, payload, error, created_at)
        -- Not now(): that was before the wait for whoever held the letters.
        SELECT $1, $2, $3, $4, clock_timestamp()
        WHERE NOT EXISTS (SELECT FROM alerts.dead_letter WHERE stream_seq = $2 AND payload = $3)
        RETURNING created_at
        """,
        letter.subject,
        letter.stream_seq,
        letter.payload,
        letter.error,
    )


async def newest_first(pool: Pool, before: tuple[datetime, UUID] | None, most: int) -> list[DeadLetter]:
    """Dead letters from a place in the list on."""
    rows = await pool.fetch(
        """
        SELECT id, 'alerts' AS service, subject, stream_seq, error, created_at FROM alerts.dead_letter
        WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        *(before or (None, None)),
        most,
    )
    return [DeadLetter(**row) for row in rows]


async def one(connection: Connection | Pool, identity: UUID) -> DeadLetterWithPayload | None:
    """One dead letter as it may be shown."""
    row = await connection.fetchrow(
        """
        SELECT id, 'alerts' AS service, subject, stream_seq, error, created_at,
               payload, length(payload) AS payload_bytes
        FROM alerts.dead_letter WHERE id = $1
        """,
        identity,
    )
    return DeadLetterWithPayload(**{**row, "payload": as_text(row["payload"])}) if row else None


async def take(tx: Connection, identity: UUID) -> Letter | None:
    """One dead letter as it came. Needs `hold`."""
    row = await tx.fetchrow(
        "SELECT subject, stream_seq, payload, error FROM alerts.dead_letter WHERE id = $1", identity
    )
    return Letter(**row) if row else None


async def remove(tx: Connection, identity: UUID) -> datetime | None:
    """Forget a dead letter that has been handled; when the last one was gone, if this was the last. Needs `hold`."""
    await tx.execute("DELETE FROM alerts.dead_letter WHERE id = $1", identity)
    return await tx.fetchval("SELECT clock_timestamp() WHERE NOT EXISTS (SELECT FROM alerts.dead_letter)")


async def note_error(tx: Connection, identity: UUID, error: str) -> None:
    """Remember why it failed this time."""
    await tx.execute("UPDATE alerts.dead_letter SET error = $2 WHERE id = $1", identity, error)
