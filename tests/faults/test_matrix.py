"""Each fault by itself, and each named point of each service."""

import asyncio

import pytest

from tests.faults.disturbances import FAULTS, LONG_FREEZES, disturb
from tests.faults.points import POINTS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]
TIMES = 2
CRASHED_WITHIN_SECONDS = 60


@pytest.mark.parametrize("name", [*FAULTS, *LONG_FREEZES])
async def test_a_fault(under_load, name):
    async def again_and_again(system, rng):
        await asyncio.sleep(0.5)
        for _ in range(1 if name in LONG_FREEZES else TIMES):
            await disturb(system, name, (FAULTS | LONG_FREEZES)[name], rng)
            await asyncio.sleep(rng.uniform(0.3, 1))

    _check(await under_load(again_and_again))


@pytest.mark.parametrize("service", POINTS)
async def test_crashes_at_every_named_point(under_load, service):
    """All copies come to the same point, so whoever has the work dies there; then the next point."""

    async def crash_at_each(system, _):
        for point in POINTS[service]:
            system.crashed.clear()
            for name in system.names(service):
                system.arm(name, f"{point}:2")
            async with asyncio.timeout(CRASHED_WITHIN_SECONDS):
                while not system.crashed[point]:
                    await asyncio.sleep(0.2)
            system.faults[f"crash of {service} at {point}"] += system.crashed[point]

    _check(await under_load(crash_at_each))


def _check(verdict):
    assert not verdict.wrong, f"{verdict}\n" + "\n".join(verdict.wrong)
    assert verdict.reports
    assert verdict.expected == verdict.arrived > 0
