"""alert_event as the outbox: its rows are published byte for byte, and stay as the timeline."""

from collections.abc import Sequence

from shared.db import Connection, Pool
from shared.outbox import Broker, OutboxTable, Pending, Told
from shared.streams import NOTIFIER


async def take(connection: Connection, shares: Sequence[int], limit: int) -> list[Pending]:
    """The oldest events of these shares that are not in the stream yet."""
    rows = await connection.fetch(
        """
        SELECT id, event_id, 'alert.' || type AS subject, payload
        FROM alerts.alert_event
        WHERE published_at IS NULL AND share = ANY ($1::smallint[])
        ORDER BY id LIMIT $2
        """,
        shares,
        limit,
    )
    return [Pending(row["id"], row["event_id"], row["subject"], row["payload"].encode()) for row in rows]


async def mark(connection: Connection, ids: Sequence[int], sequences: Sequence[int]) -> None:
    """Note where in the stream these events are, and how far the stream has come."""
    await connection.execute(
        """
        WITH marked AS (
            UPDATE alerts.alert_event AS e SET published_at = now(), stream_seq = s.seq
            FROM unnest($1::bigint[], $2::bigint[]) AS s (id, seq) WHERE e.id = s.id
            RETURNING e.share, s.seq, e.event_id
        ), told AS (
            INSERT INTO alerts.told AS newest (share, stream_seq, event_id)
            SELECT DISTINCT ON (share) share, seq, event_id FROM marked ORDER BY share, seq DESC
            ON CONFLICT (share) DO UPDATE SET stream_seq = excluded.stream_seq, event_id = excluded.event_id
            WHERE newest.stream_seq < excluded.stream_seq
        )
        UPDATE alerts.broker SET last_seq = greatest(last_seq, (SELECT max(seq) FROM marked))
        """,
        ids,
        sequences,
    )


async def broker(connection: Connection) -> Broker | None:
    """The broker as it was last seen."""
    row = await connection.fetchrow("SELECT stream_created, last_seq, ack_floor FROM alerts.broker")
    return Broker(**row) if row else None


async def told(connection: Connection, shares: Sequence[int]) -> list[Told]:
    """The newest event of each of these shares that the broker acknowledged."""
    rows = await connection.fetch(
        "SELECT stream_seq, event_id FROM alerts.told WHERE share = ANY($1::smallint[])", shares
    )
    return [Told(row["stream_seq"], row["event_id"]) for row in rows]


async def note_broker(connection: Connection, seen: Broker, ack_floor: int) -> None:
    """Remember how far the stream and its reader have come; only forward."""
    await connection.execute(
        """
        INSERT INTO alerts.broker AS b (stream_created, last_seq, ack_floor) VALUES ($1, $2, $3)
        ON CONFLICT (one) DO UPDATE
        SET last_seq = greatest(b.last_seq, excluded.last_seq), ack_floor = greatest(b.ack_floor, excluded.ack_floor)
        WHERE b.stream_created = excluded.stream_created
        """,
        seen.stream_created,
        seen.last_seq,
        ack_floor,
    )


async def rewind(connection: Connection, seen: Broker, lost: Sequence[Told]) -> int:
    """Unpublish what the reader had not acknowledged, or had only just; how many events.

    Nothing when that has been done meanwhile.
    """
    return await connection.fetchval(
        """
        WITH before AS (
            UPDATE alerts.broker SET stream_created = $1, last_seq = $2,
                ack_floor = CASE WHEN stream_created = $1 THEN least(ack_floor, $2) ELSE 0 END
            WHERE stream_created <> $1 OR last_seq > $2
               OR EXISTS (SELECT FROM alerts.told WHERE event_id = ANY($3::uuid[]))
            RETURNING old.ack_floor, old.stream_created
        ), forgotten AS (
            DELETE FROM alerts.told WHERE EXISTS (SELECT FROM before)
        ), rewound AS (
            UPDATE alerts.alert_event AS e SET published_at = NULL, stream_seq = NULL
            FROM before
            WHERE e.published_at > now() - interval '30 minutes'
               -- Sequences of streams before that one are of no stream now; its clock may not be ours.
               OR (e.stream_seq > before.ack_floor AND e.published_at > before.stream_created - interval '1 hour')
            RETURNING e.id
        )
        SELECT count(*) FROM rewound
        """,
        seen.stream_created,
        seen.last_seq,
        [told.event_id for told in lost],
    )


async def tell_again(connection: Connection, after: int, before: int) -> int:
    """Unpublish what was in the stream between these sequences; how many events."""
    return await connection.fetchval(
        """
        WITH dropped AS (
            UPDATE alerts.alert_event SET published_at = NULL, stream_seq = NULL
            WHERE stream_seq > $1 AND stream_seq < $2 AND published_at IS NOT NULL
            RETURNING id
        )
        SELECT count(*) FROM dropped
        """,
        after,
        before,
    )


async def waiting(pool: Pool) -> tuple[int, float]:
    """How many events are not in the stream yet, and for how many seconds the oldest has waited."""
    row = await pool.fetchrow(
        """
        SELECT count(*) AS events, coalesce(extract(epoch FROM now() - min(at)), 0)::float8 AS seconds
        FROM alerts.alert_event WHERE published_at IS NULL
        """
    )
    return (row["events"], row["seconds"]) if row else (0, 0.0)


ALERT_EVENTS = OutboxTable(
    name="alerts",
    reader=NOTIFIER,
    take=take,
    mark=mark,
    broker=broker,
    told=told,
    note_broker=note_broker,
    rewind=rewind,
    tell_again=tell_again,
)
