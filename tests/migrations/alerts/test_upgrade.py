"""The upgrade that gave each source group its own alert, on a database with problems in it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.alerts import handlers
from shared.events import JobFinished
from shared.migrate import migrate_database
from shared.vocabulary import JobKind, TerminalStatus

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def old_database(empty_database_of) -> str:
    """A database of the release before."""
    url = empty_database_of()
    migrate_database(url, ("alerts",), until="0001_alerts")
    return url


async def raised(connection: asyncpg.Connection, host: UUID, kind: str, at: int, occurrences: int = 1) -> UUID:
    """An open alert as the old release kept it, with its announcement."""
    when = START + timedelta(minutes=at)
    alert = await connection.fetchval(
        """
        INSERT INTO alerts.alert (host_id, host_name, kind, severity, title, occurrences, first_seen_at, last_seen_at)
        VALUES ($1, 'web-01', $2, 'warning', 'web-01: backup failed', $3, $4, $4) RETURNING id
        """,
        host, kind, occurrences, when,
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
        VALUES ($1, $2, 1, 'raised', '{}')""",
        uuid4(), alert,
    )  # fmt: skip
    return alert


async def test_duplicates_fold_into_the_newest_and_every_problem_stays_open(old_database):
    host, other = uuid4(), uuid4()
    connection = await asyncpg.connect(old_database)
    oldest = await raised(connection, host, "backup_failed", at=0, occurrences=3)
    newest = await raised(connection, host, "backup_failed", at=10, occurrences=2)
    lonely = await raised(connection, other, "prune_failed", at=5)
    before = await connection.fetchval("SELECT relfilenode FROM pg_class WHERE oid = 'alerts.alert'::regclass")

    migrate_database(old_database, ("alerts",))

    rows = {row["id"]: row for row in await connection.fetch("SELECT * FROM alerts.alert")}
    assert (rows[newest]["occurrences"], rows[newest]["resolved_at"]) == (5, None)
    assert rows[newest]["first_seen_at"] == START
    assert (rows[oldest]["resolution"], rows[oldest]["version"]) == ("superseded", 2)
    assert (rows[lonely]["resolved_at"], rows[lonely]["dedup_key"]) == (None, "")
    told = await connection.fetch("SELECT type FROM alerts.alert_event WHERE alert_id = $1 ORDER BY version", oldest)
    assert [row["type"] for row in told] == ["raised", "resolved"]
    after = await connection.fetchval("SELECT relfilenode FROM pg_class WHERE oid = 'alerts.alert'::regclass")
    assert after == before, "the table was rewritten"
    await connection.close()


def success(host: UUID, at: int) -> JobFinished:
    group = uuid4()
    return JobFinished(
        event_id=uuid4(), job_id=uuid4(), host_id=host, host_name="web-01", kind=JobKind.BACKUP,
        source_group_id=group, source_group_name="etc", status=TerminalStatus.SUCCEEDED,
        evidence_at=START + timedelta(minutes=at),
    )  # fmt: skip


async def test_an_alert_for_the_whole_host_gives_way_to_a_newer_success_of_any_group(old_database):
    host = uuid4()
    connection = await asyncpg.connect(old_database)
    legacy = await raised(connection, host, "backup_failed", at=10)
    migrate_database(old_database, ("alerts",))
    pool = await asyncpg.create_pool(old_database, min_size=1, max_size=2)

    await handlers.apply(pool, [success(host, at=5)])
    assert await connection.fetchval("SELECT resolved_at FROM alerts.alert WHERE id = $1", legacy) is None

    await handlers.apply(pool, [success(host, at=15)])
    assert await connection.fetchval("SELECT resolution FROM alerts.alert WHERE id = $1", legacy) == "superseded"
    await pool.close()
    await connection.close()


async def test_the_index_holds_one_open_alert_per_key(old_database):
    migrate_database(old_database, ("alerts",))
    connection = await asyncpg.connect(old_database)
    host = uuid4()
    await raised(connection, host, "backup_failed", at=0)

    with pytest.raises(asyncpg.UniqueViolationError, match="one_open_alert_per_key"):
        await raised(connection, host, "backup_failed", at=1)
    await connection.close()
