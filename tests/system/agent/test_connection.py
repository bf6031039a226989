"""The line to the server: when it is given up, and when it is tried again."""

import asyncio
import contextlib
from uuid import uuid4

import pytest

from agent.connection import Connection, pause_after
from agent.job_log import JobLog
from agent.jobs import Jobs
from agent.settings import AgentSettings, Pace
from agent.spool import Spool
from agent.state_folder import locked
from shared.agent_protocol import Config, JobRun, SourceGroupSpec

from .gateway import TOKEN, Gateway


@pytest.fixture
async def gateway():
    gateway = await Gateway().start()
    yield gateway
    await gateway.stop()


@contextlib.asynccontextmanager
async def connected(gateway, root, pace, **flags):
    settings = AgentSettings(gateway.url, TOKEN, root / "state", restic="no-such-restic", pace=pace, **flags)
    changed = asyncio.Event()
    with locked(settings.state_dir) as folder, contextlib.closing(Spool(folder.spool)) as spool:
        jobs = Jobs(settings, folder, spool, changed.set)
        line = asyncio.create_task(Connection(settings, folder, jobs, changed).keep())
        yield jobs, folder
        await jobs.stop()
        line.cancel()
        await asyncio.gather(line, return_exceptions=True)


async def test_a_server_that_does_not_answer_pings_is_left_and_found_again(gateway, tmp_path):
    """A firewall that forgot the connection lets both sides believe in it for hours."""
    gateway.answers_pings = False
    async with connected(gateway, tmp_path, Pace(ping=0.2, reconnect=0.05)):
        await gateway.heard("hello", 2)


async def test_an_end_state_that_nobody_acknowledged_is_told_again_on_the_same_line(gateway, tmp_path):
    """The service that commits it may have been away just then."""
    gateway.acks = False
    async with connected(gateway, tmp_path, Pace(tell_again=0.5)):
        await gateway.heard("hello")
        await gateway.send(Config(heartbeat_seconds=1))
        await gateway.send({"type": "job.run", "id": str(uuid4()), "job_id": str(uuid4()), "kind": "evil"})
        first = await gateway.heard("job.finished")
        again = await gateway.heard("job.finished", 2)

    assert (again["id"], again["connection"]) == (first["id"], 1)


async def test_a_log_goes_from_the_disk_with_the_acknowledgement(gateway, tmp_path):
    gateway.acks = False
    group = SourceGroupSpec(id="00000000-0000-0000-0000-000000000001", name="x", paths=[], command=["/bin/true"])
    async with connected(gateway, tmp_path, Pace(reconnect=0.05), allow_commands=frozenset({"/bin/true"})) as (
        jobs,
        folder,
    ):
        await gateway.heard("hello")
        job = JobRun(job_id=group.id, kind="backup", engine="command", source_group=group)
        await gateway.send(job)
        frame = await gateway.heard("job.finished", job_id=job.job_id)
        jobs.prune()
        assert [path.stem for path in folder.logs.iterdir()] == [str(job.job_id)]
        JobLog(folder.logs / "11111111-1111-1111-1111-111111111111.log").write("of a job that nobody knows")
        JobLog(folder.logs / "kept.log").write("of a person, who copied it here")

        await gateway.send({"type": "ack", "id": frame["id"]})
        await asyncio.wait_for(jobs.told(), 10)
        jobs.prune()

        assert [path.name for path in folder.logs.iterdir()] == ["kept.log"]


def test_pauses_grow_to_a_bound_and_differ_between_agents():
    pace = Pace(reconnect=1.0, reconnect_longest=60.0, refused=100.0)
    pauses = [pause_after(failures, pace, refused=False) for failures in range(40)]

    assert 0.5 <= pauses[0] <= 1.0
    assert all(0.5 * 60 <= pause <= 60 for pause in pauses[10:])
    assert len(set(pauses)) == len(pauses)
    assert 100 <= pause_after(0, pace, refused=True) <= 200
