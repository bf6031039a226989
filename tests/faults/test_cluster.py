"""Three NATS servers, of which one and then another is lost under load."""

import asyncio

import pytest
import pytest_asyncio

from tests.faults.system import running_on_a_cluster

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]
ENOUGH = 20
"""So many deliveries while two of three live show that work goes on."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory):
    async with running_on_a_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


async def test_the_leader_is_lost_comes_back_and_another_one_is_lost(under_load):
    async def lose_two_leaders(system, _):
        cluster = system.nats
        await cluster.whole()
        for _ in range(2):
            leader = await cluster.leader()
            system.faults["kill the leader of three"] += 1
            cluster.kill(leader)
            before = await _delivered(system)
            await asyncio.sleep(12)
            async with asyncio.timeout(60):
                while await _delivered(system) - before < ENOUGH:
                    await asyncio.sleep(0.5)
            cluster.start(leader)
            await cluster.whole()

    verdict = await under_load(lose_two_leaders)
    assert not verdict.wrong, f"{verdict}\n" + "\n".join(verdict.wrong)
    assert verdict.expected == verdict.arrived > 0


async def _delivered(system) -> int:
    return await system.ask("SELECT count(*) FROM notifier.delivery WHERE state = 'delivered'")
