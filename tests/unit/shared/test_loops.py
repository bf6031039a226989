import asyncio

from shared.loops import end_task


async def test_a_task_ends_though_what_it_waits_with_loses_a_cancellation():
    news: asyncio.Queue[None] = asyncio.Queue()
    taken = 0

    async def follow() -> None:
        nonlocal taken
        while True:
            await asyncio.wait_for(news.get(), 60)  # as nats-py does
            taken += 1

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    news.put_nowait(None)
    await asyncio.sleep(0)  # the inner future is done, and wait_for has not gone on yet

    async with asyncio.timeout(5):
        await end_task(following)

    assert following.cancelled()
    assert taken == 1, "the cancellation was not lost: this test shows nothing"
