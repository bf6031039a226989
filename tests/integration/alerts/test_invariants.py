"""What the schema refuses, whatever the code does."""

from uuid import uuid4

import asyncpg
import pytest

from shared import db

INSERT = """
    INSERT INTO alerts.alert (host_id, host_name, kind, dedup_key, severity, title, first_seen_at, last_seen_at,
                              occurrences, version, resolved_at, resolution)
    VALUES ($1, 'web-01', 'backup_failed', $2, $3, 'broken', now(), now(), $4, $5, $6::timestamptz, $7)
"""


async def put(pool, **values):
    given = {"host": uuid4(), "key": "g", "severity": "warning", "occurrences": 1, "version": 1} | values
    resolution = given.pop("resolution", None)
    await pool.execute(INSERT, *given.values(), None, resolution)


async def test_one_open_alert_per_key(pool):
    host = uuid4()
    await put(pool, host=host)
    with pytest.raises(asyncpg.UniqueViolationError, match="one_open_alert_per_key"):
        await put(pool, host=host)
    await put(pool, host=host, key="another")


async def test_no_part_of_the_key_may_be_null(pool):
    with pytest.raises(asyncpg.NotNullViolationError, match="dedup_key"):
        await put(pool, key=None)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("severity_is_known", {"severity": "dire"}),
        ("occurrences_count_from_one", {"occurrences": 0}),
        ("version_counts_from_one", {"version": 0}),
        ("resolution_is_known", {"resolution": "boredom"}),
        ("resolved_says_why", {"resolution": "auto"}),
        ("dedup_key_is_short", {"key": "x" * 256}),
    ],
)
async def test_checks(pool, constraint, values):
    with pytest.raises(asyncpg.CheckViolationError, match=constraint):
        await put(pool, **values)


async def test_one_event_per_version(alerts, pool):
    await alerts.fails()
    alert = await alerts.only()
    with pytest.raises(asyncpg.UniqueViolationError, match="one_event_per_version"):
        await pool.execute(
            """
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
            VALUES ($1, $2, 1, 'acked', '{}')
            """,
            uuid4(),
            alert.id,
        )


async def test_a_touch_leaves_every_index_alone(alerts, database_url):
    """An update that touches an index costs a write in each of them; a storm of repeats must not."""
    async with db.open_pool(database_url, "test", size=1) as pool:  # statistics are kept per connection
        alerts.pool = pool
        for at in range(6):
            await alerts.fails(at=at)
        await pool.execute("SELECT pg_stat_force_next_flush()")
        found = await pool.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'alerts.alert'::regclass"
        )
    assert found["n_tup_upd"] == found["n_tup_hot_upd"] == 5


async def test_events_go_with_their_alert_whoever_removes_it(alerts, pool):
    for group in ("gone", "stays"):
        await alerts.fails(group)
        await alerts.succeeds(group, at=1)
    assert await alerts.told() == ["raised", "resolved"] * 2

    await pool.execute("DELETE FROM alerts.alert WHERE source_group_name = 'gone'")

    assert await alerts.told() == ["raised", "resolved"]
