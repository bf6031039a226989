"""Statements of the outbox: what is said, and what of it the broker still holds."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.db import Connection, Pool
from shared.events import Event
from shared.outbox import Broker, OutboxTable, Pending, Told
from shared.streams import ALERTS


async def say(tx: Connection, about: Sequence[UUID], events: Sequence[Event]) -> None:
    """Say these events, each about its host, once the transaction is committed; in this order."""
    await tx.execute(
        """
        INSERT INTO jobs.outbox (event_id, aggregate_id, subject, payload)
        SELECT event_id, aggregate_id, subject, payload
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
            WITH ORDINALITY AS said (event_id, aggregate_id, subject, payload, position)
        ORDER BY position
        """,
        [event.event_id for event in events],
        list(about),
        [event.subject for event in events],
        [event.model_dump_json() for event in events],
    )


async def take(owner: Connection, shares: Sequence[int], limit: int) -> list[Pending]:
    """At most so many unpublished rows of these shares, by id."""
    rows = await owner.fetch(
        """
        SELECT id, event_id, subject, payload FROM jobs.outbox
        WHERE published_at IS NULL AND share = ANY($1::smallint[])
        ORDER BY id LIMIT $2
        """,
        shares,
        limit,
    )
    return [Pending(row["id"], row["event_id"], row["subject"], row["payload"].encode()) for row in rows]


async def mark(owner: Connection, ids: Sequence[int], sequences: Sequence[int]) -> None:
    """Note that these rows are in the stream at these sequences, and how far the stream has come."""
    await owner.execute(
        """
        WITH marked AS (
            UPDATE jobs.outbox SET published_at = now(), stream_seq = acknowledged.seq
            FROM unnest($1::bigint[], $2::bigint[]) AS acknowledged (id, seq)
            WHERE outbox.id = acknowledged.id
            RETURNING outbox.share, acknowledged.seq, outbox.event_id
        ), told AS (
            INSERT INTO jobs.told AS newest (share, stream_seq, event_id)
            SELECT DISTINCT ON (share) share, seq, event_id FROM marked ORDER BY share, seq DESC
            ON CONFLICT (share) DO UPDATE SET stream_seq = excluded.stream_seq, event_id = excluded.event_id
            WHERE newest.stream_seq < excluded.stream_seq
        )
        UPDATE jobs.outbox_broker SET last_seq = greatest(last_seq, (SELECT max(seq) FROM marked))
        """,
        ids,
        sequences,
    )


async def waiting(pool: Pool) -> tuple[int, float]:
    """How many events are not in the stream yet, and for how many seconds the oldest has waited."""
    row = await pool.fetchrow(
        """
        SELECT count(*) AS events, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS seconds
        FROM jobs.outbox WHERE published_at IS NULL
        """
    )
    return (row["events"], row["seconds"]) if row else (0, 0.0)


async def broker(owner: Connection) -> Broker | None:
    """What was noted of the broker last."""
    row = await owner.fetchrow("SELECT stream_created, last_seq, ack_floor FROM jobs.outbox_broker")
    return Broker(**row) if row else None


async def told(owner: Connection, shares: Sequence[int]) -> list[Told]:
    """The newest event of each of these shares that the broker acknowledged."""
    rows = await owner.fetch("SELECT stream_seq, event_id FROM jobs.told WHERE share = ANY($1::smallint[])", shares)
    return [Told(row["stream_seq"], row["event_id"]) for row in rows]


async def note_broker(owner: Connection, now: Broker, ack_floor: int) -> None:
    """Remember how far the stream and its reader have come; only forward."""
    await owner.execute(
        """
        INSERT INTO jobs.outbox_broker (stream_created, last_seq, ack_floor) VALUES ($1, $2, $3)
        ON CONFLICT (the_only) DO UPDATE SET
            last_seq = greatest(outbox_broker.last_seq, excluded.last_seq),
            ack_floor = greatest(outbox_broker.ack_floor, excluded.ack_floor)
        WHERE outbox_broker.stream_created = excluded.stream_created
        """,
        now.stream_created,
        now.last_seq,
        ack_floor,
    )


async def rewind(owner: Connection, now: Broker, lost: Sequence[Told]) -> int:
    """Unpublish what the broker may have lost, and remember the broker as it is; how many rows.

    Nothing when that has been done meanwhile.
    """
    rewound: int = await owner.fetchval(
        """
        WITH before AS (
            UPDATE jobs.outbox_broker SET stream_created = $1, last_seq = $2,
                ack_floor = CASE WHEN stream_created = $1 THEN least(ack_floor, $2) ELSE 0 END
            WHERE stream_created <> $1 OR last_seq > $2
               OR EXISTS (SELECT FROM jobs.told WHERE event_id = ANY($3::uuid[]))
            RETURNING 1
        ), forgotten AS (
            DELETE FROM jobs.told WHERE EXISTS (SELECT FROM before)
        ), rewound AS (
            -- All that is here was published just now, or is not acknowledged.
            UPDATE jobs.outbox SET published_at = NULL, stream_seq = NULL
            WHERE published_at IS NOT NULL AND EXISTS (SELECT FROM before)
            RETURNING id
        )
        SELECT count(*) FROM rewound
        """,
        now.stream_created,
        now.last_seq,
        [told.event_id for told in lost],
    )
    return rewound


async def tell_again(owner: Connection, after: int, before: int) -> int:
    """Unpublish what was in the stream between these sequences; how many rows."""
    dropped: int = await owner.fetchval(
        """
        WITH dropped AS (
            UPDATE jobs.outbox SET published_at = NULL, stream_seq = NULL
            WHERE stream_seq > $1 AND stream_seq < $2 AND published_at IS NOT NULL
            RETURNING id
        )
        SELECT count(*) FROM dropped
        """,
        after,
        before,
    )
    return dropped


async def tidy(owner: Connection, older_than: timedelta) -> None:
    """Remove what its reader has acknowledged and the broker has surely written to its disk."""
    await owner.execute(
        """
        DELETE FROM jobs.outbox
        WHERE published_at < now() - $1::interval
          AND stream_seq <= (SELECT ack_floor FROM jobs.outbox_broker)
        """,
        older_than,
    )


TABLE = OutboxTable(
    name="jobs",
    reader=ALERTS,
    take=take,
    mark=mark,
    broker=broker,
    told=told,
    note_broker=note_broker,
    rewind=rewind,
    tell_again=tell_again,
    tidy=tidy,
)
