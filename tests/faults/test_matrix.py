"""Each fault by itself, and each named point of each service."""

import asyncio

import pytest

from tests.faults.disturbances import FAULTS, LONG_FREEZES, disturb
from tests.faults.points import POINTS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]
TIMES = 2
AT_ONCE = 4
CRASHED_WITHIN_SECONDS = 60

GROUPS_OF_POINTS = [
    (service, points[first : first + AT_ONCE])
    for service, points in POINTS.items()
    for first in range(0, len(points), AT_ONCE)
]


@pytest.mark.parametrize("name", [*FAULTS, *LONG_FREEZES])
async def test_a_fault(under_load, name):
    async def again_and_again(system, rng):
        await asyncio.sleep(0.5)
        for _ in range(1 if name in LONG_FREEZES else TIMES):
            await disturb(system, name, (FAULTS | LONG_FREEZES)[name], rng)
            await asyncio.sleep(rng.uniform(0.3, 1))

    _check(await under_load(again_and_again))


@pytest.mark.parametrize(("service", "points"), GROUPS_OF_POINTS)
async def test_a_crash_at_a_named_point(under_load, service, points):
    async def crash_at_each(system, _):
        system.crashed.clear()
        for name, point in zip(system.names(service), points, strict=False):
            system.faults[f"crash of {service} at {point}"] += 1
            system.arm(name, f"{point}:2")
        async with asyncio.timeout(CRASHED_WITHIN_SECONDS):
            while set(system.crashed) < set(points):
                await asyncio.sleep(0.2)

    _check(await under_load(crash_at_each))


def _check(verdict):
    assert not verdict.wrong, f"{verdict}\n" + "\n".join(verdict.wrong)
    assert verdict.reports
    assert verdict.expected == verdict.arrived > 0
