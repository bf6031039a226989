"""How a service's process goes about its memory."""

import asyncio
import gc

import pytest

from shared import process


@pytest.fixture
async def settled(monkeypatch):
    """Waits until a process that runs so has built what it serves with; when it looks for cycles from then on."""
    monkeypatch.setattr(process, "SETTLED_SECONDS", 0)
    before = gc.get_threshold()

    async def settled(**how):
        async with process.stopping(**how):
            await asyncio.sleep(0.01)
        return gc.get_threshold()

    yield settled
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_a_process_that_handles_batches_looks_for_cycles_less_often(settled):
    usual, *_ = gc.get_threshold()
    now = await settled()

    assert now == process.FEW_CYCLES
    assert now[0] > usual
    assert gc.get_freeze_count() > 0


async def test_a_process_may_keep_python_s_own_figures(settled):
    before = gc.get_threshold()

    assert await settled(cycles=None) == before
    assert gc.get_freeze_count() > 0
