"""Everything at once, for as long as is asked for."""

import asyncio
import time

import pytest

from tests.faults.disturbances import FAULTS, disturb
from tests.faults.points import POINTS

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_whatever_dies_nothing_is_lost_doubled_or_out_of_order(under_load, pytestconfig):
    seconds = pytestconfig.getoption("--seconds")
    # Starting and coming to rest take their part of a short run.
    lasts = max(seconds / 2, seconds - 60)

    async def everything(system, rng):
        ends = time.monotonic() + lasts
        while time.monotonic() < ends:
            await asyncio.sleep(rng.uniform(0.5, 3))
            if rng.random() < 0.25:
                service, points = rng.choice(list(POINTS.items()))
                point = rng.choice(points)
                system.faults[f"crash of {service} at {point}"] += 1
                system.arm(rng.choice(system.names(service)), f"{point}:{rng.randint(1, 5)}")
            else:
                name = rng.choice(list(FAULTS))
                await disturb(system, name, FAULTS[name], rng)

    verdict = await under_load(everything)
    assert not verdict.wrong, f"{verdict}\n" + "\n".join(verdict.wrong)
    assert verdict.reports
    assert verdict.expected == verdict.arrived
