"""How a service's process goes about its memory."""

import asyncio
import gc

import pytest

from shared import process

PYTHONS_OWN = (700, 10, 10)


@pytest.fixture
async def settled(monkeypatch):
    """Waits until a process that runs so has built what it serves with; when it looks for cycles from then on."""
    monkeypatch.setattr(process, "SETTLED_SECONDS", 0)
    before = gc.get_threshold()  # of services that earlier tests ran in this process, perhaps
    gc.unfreeze()
    gc.set_threshold(*PYTHONS_OWN)

    async def settled(**how):
        async with process.stopping(**how):
            await asyncio.sleep(0.01)
        return gc.get_threshold()

    yield settled
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_a_process_that_handles_batches_looks_for_cycles_less_often(settled):
    now = await settled()

    assert now == process.FEW_CYCLES
    assert now[0] > PYTHONS_OWN[0]
    assert gc.get_freeze_count() > 0


async def test_a_process_may_keep_python_s_own_figures(settled):
    assert await settled(cycles=None) == PYTHONS_OWN
    assert gc.get_freeze_count() > 0
