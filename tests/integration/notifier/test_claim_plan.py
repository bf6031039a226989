from datetime import timedelta
from uuid import uuid4

from services.notifier.queries.deliveries import claim


async def test_a_claim_reads_about_as_much_as_it_takes(notifier):
    """Without statistics the planner once compared each delivery with all that waited for its channel."""
    await notifier.channel()
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(2000)))

    async with notifier.pool.acquire() as connection:

        async def entries_read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'notifier'"
            )

        before = await entries_read()
        claimed = await claim(connection, {}, 64, 64, timedelta(seconds=30))

        assert len(claimed) == 64
        assert await entries_read() - before < 1000
