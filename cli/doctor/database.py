"""The database: reachable, at this release's schema, with secrets that can be opened, and nothing stuck in it."""

import asyncio
from datetime import UTC, datetime

from cli.doctor.audit import unaccounted
from cli.doctor.finding import Finding
from cli.seals import DRAWERS
from shared.db import Connection
from shared.migrate import pending_migrations
from shared.sealing import SealBrokenError, Sealer
from shared.streams import MAX_AGE

OLDEST_MAJOR = 18
MOST_SKEW_SECONDS = 5.0
MOST_WAIT_SECONDS = 60.0


async def look(connection: Connection, url: str, sealer: Sealer) -> list[Finding]:
    """One finding each; what needs the schema is left out while that is not there."""
    found = [_version(connection), await _clock(connection), schema := await _schema(url)]
    if not schema.good:
        return found
    return [
        *found,
        await _secrets(connection, sealer),
        await _outboxes(connection),
        await _channels(connection),
        await _dead_letters(connection),
        await _audit(connection),
        await _hosts(connection),
    ]


def _version(connection: Connection) -> Finding:
    version = connection.get_server_version()
    detail = f"{version.major}.{version.minor}, reached"
    return Finding("PostgreSQL", version.major >= OLDEST_MAJOR, detail, "Keepwatch needs PostgreSQL 18 or newer.")


async def _clock(connection: Connection) -> Finding:
    skew = abs((await connection.fetchval("SELECT clock_timestamp()") - datetime.now(UTC)).total_seconds())
    detail = f"{skew:.1f} s apart from the database's"
    return Finding(
        "clock", skew < MOST_SKEW_SECONDS, detail, "Let both machines keep time (NTP): evidence has an order."
    )


async def _schema(url: str) -> Finding:
    pending = await asyncio.to_thread(pending_migrations, url)
    detail = f"{len(pending)} migrations are pending: {', '.join(pending)}" if pending else "as this release needs it"
    return Finding("schema", not pending, detail, "Run: keepwatch migrate")


async def _secrets(connection: Connection, sealer: Sealer) -> Finding:
    opened, closed = 0, []
    for drawer in DRAWERS:
        for place, sealed in await drawer.read(connection):
            try:
                sealer.open(sealed, drawer.purpose(place))
                opened += 1
            except SealBrokenError:
                closed.append(drawer.purpose(place))
    detail = f"no key opens those of {', '.join(closed)}" if closed else f"{opened} can be opened"
    advice = "Put the key that sealed them into KEEPWATCH_OLD_SECRET_KEYS, or enter them again."
    return Finding("stored secrets", not closed, detail, advice)


async def _outboxes(connection: Connection) -> Finding:
    row = await connection.fetchrow(
        """
        SELECT count(*) AS events, coalesce(extract(epoch FROM now() - min(at)), 0)::float8 AS seconds
        FROM (SELECT at FROM alerts.alert_event WHERE published_at IS NULL
              UNION ALL SELECT created_at FROM jobs.outbox WHERE published_at IS NULL) AS waiting
        """
    )
    events, seconds = (row["events"], row["seconds"]) if row else (0, 0.0)
    detail = f"{events} wait for NATS, the oldest for {seconds:.0f} s" if events else "none waits for NATS"
    advice = "Look at NATS, then at the logs of jobs and alerts for “outbox waits”."
    return Finding("events", seconds < MOST_WAIT_SECONDS, detail, advice)


GIVEN_UP = "What they said may have reached nobody: keepwatch deliveries list --state dead"


async def _channels(connection: Connection) -> Finding:
    rows = await connection.fetch(
        """
        SELECT name, disabled_reason,
               (SELECT count(*) FROM notifier.delivery
                WHERE channel_id = channel.id AND state = 'failed') AS failing,
               (SELECT count(*) FROM notifier.delivery
                WHERE channel_id = channel.id AND created_at > now() - interval '7 days' AND state = 'dead') AS dead
        FROM notifier.channel_shown AS channel ORDER BY name
        """
    )
    wrong = [f"{row['name']} was disabled: {row['disabled_reason']}" for row in rows if row["disabled_reason"]]
    wrong += [f"{row['name']} is not reached, {row['failing']} deliveries wait" for row in rows if row["failing"]]
    if not rows:
        # So is every installation at first.
        advice = "Nobody is told of an alert: add one."
        return Finding("channels", good=True, detail="there is none", advice=advice, note=True)
    given_up = [f"{row['name']}: {row['dead']} of the last seven days given up" for row in rows if row["dead"]]
    detail = "; ".join(wrong + given_up) or f"{len(rows)}, none in trouble"
    if given_up and not wrong:
        return Finding("channels", good=True, detail=detail, advice=GIVEN_UP, note=True)
    return Finding("channels", not wrong, detail, "Mend the receiver; its page shows each try with the answer.")


async def _dead_letters(connection: Connection) -> Finding:
    count = await connection.fetchval(
        "SELECT (SELECT count(*) FROM alerts.dead_letter) + (SELECT count(*) FROM notifier.dead_letter)"
    )
    return Finding("dead letters", count == 0, str(count), "See: keepwatch dead-letters list")


async def _audit(connection: Connection) -> Finding:
    found = await unaccounted(connection, datetime.now(UTC) - MAX_AGE)
    detail = f"of {len(found)} transitions nobody was told, and no reason is recorded" if found else "all accounted for"
    return Finding("transitions", not found, detail, "Run: keepwatch audit")


async def _hosts(connection: Connection) -> Finding:
    rows = await connection.fetch(
        "SELECT status, count(*) AS hosts FROM jobs.host_shown GROUP BY status ORDER BY status"
    )
    counts = {row["status"]: row["hosts"] for row in rows}
    detail = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items()) or "none yet"
    return Finding("hosts", not counts.get("offline"), detail, "Does the agent run there? Its log says why not.")
