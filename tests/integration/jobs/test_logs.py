"""Logs of jobs: by offset, so that a repeat changes nothing, and bounded."""

from services.jobs import handlers
from services.jobs.answers import jobs
from services.jobs.queries import agents
from shared.agent_protocol import JobLog, JobProgress
from shared.asks.agents import AgentLog, AgentProgress
from shared.asks.jobs import ReadLog


async def test_pieces_are_joined_by_offset_and_read_by_range(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    for offset, text in ((0, "Grüße "), (8, "aus "), (0, "Grüße "), (4, "ße aus Köln"), (12, "Köln")):
        frame = JobLog(job_id=job.id, offset=offset, text=text)
        await handlers.agent_log(fleet.desk, AgentLog(host_id=host.id, frame=frame))

    whole = await jobs.read_log(fleet.desk, ReadLog(id=job.id))
    assert (whole.text.decode(), whole.total) == ("Grüße aus Köln", 17)
    assert (await jobs.read_log(fleet.desk, ReadLog(id=job.id, start=-5))).text.decode() == "Köln"
    assert (await jobs.read_log(fleet.desk, ReadLog(id=job.id, start=2, end=10))).text == whole.text[2:10]
    assert (await jobs.read_log(fleet.desk, ReadLog(id=job.id, start=99, end=120))).text == b""


async def test_a_log_ends_at_its_limit(fleet, monkeypatch):
    monkeypatch.setattr(agents, "LOG_LIMIT", 10)
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    for offset in (0, 8, 16, 24):
        frame = JobLog(job_id=job.id, offset=offset, text="12345678")
        await handlers.agent_log(fleet.desk, AgentLog(host_id=host.id, frame=frame))

    assert (await jobs.read_log(fleet.desk, ReadLog(id=job.id))).total == 16


async def test_another_hosts_agent_adds_nothing(fleet):
    host, other = await fleet.host(), await fleet.host("db-01")
    job = await fleet.running(host, await fleet.group(host))

    await handlers.agent_log(fleet.desk, AgentLog(host_id=other.id, frame=JobLog(job_id=job.id, offset=0, text="x")))
    progress = JobProgress(job_id=job.id, percent=1, bytes_done=1, files_done=1)
    await handlers.agent_progress(fleet.desk, AgentProgress(host_id=other.id, frame=progress))

    assert (await jobs.read_log(fleet.desk, ReadLog(id=job.id))).total == 0
    assert (await fleet.job(job.id)).progress is None


async def test_progress_is_kept_at_most_once_a_second(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    for percent in (10, 20):
        frame = JobProgress(job_id=job.id, percent=percent, bytes_done=1, files_done=1)
        await handlers.agent_progress(fleet.desk, AgentProgress(host_id=host.id, frame=frame))

    assert (await fleet.job(job.id)).progress == {"percent": 10, "bytes_done": 1, "files_done": 1}
