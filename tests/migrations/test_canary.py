"""An upgrade has time to replace the copies of the release before, which would tell people of a canary."""

from datetime import timedelta

import asyncpg
import pytest

from services.jobs.queries import canary as jobs
from services.notifier.queries import canary as notifier
from shared.migrate import migrate_database

HOST = "INSERT INTO jobs.host (name) VALUES ('web-01')"
CHANNEL = """
INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled)
VALUES (gen_random_uuid(), 'ops', 'webhook', '{}', '', '{raised}', '{}', true)
"""


@pytest.mark.parametrize(("statements", "at_once"), [((HOST, CHANNEL), False), ((), True)])
async def test_a_new_installation_has_a_canary_at_once_and_an_upgraded_one_later(
    empty_database_of, statements, at_once
):
    url = empty_database_of()
    migrate_database(url, ("jobs",), until="0005_finding_jobs")
    migrate_database(url, ("notifier",), until="0005_at_most_once")
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        for statement in statements:
            await pool.execute(statement)
        migrate_database(url, ("jobs", "notifier"))

        assert (await jobs.due(pool, timedelta(seconds=300)) is not None) == at_once
        assert await notifier.make_sink(pool, b"") == at_once

        await pool.execute("UPDATE jobs.canary SET sent_at = sent_at - interval '2 hours'")
        await pool.execute("UPDATE notifier.sink SET not_before = not_before - interval '1 hour'")
        assert await jobs.due(pool, timedelta(seconds=300)) is not None
        assert await notifier.make_sink(pool, b"")
