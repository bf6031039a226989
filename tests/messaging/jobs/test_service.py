"""The whole service: questions answered, jobs sent to agents, ends announced."""

import asyncio
import json

from shared import streams
from shared.agent_protocol import JobFinished, JobRun, JobStarted
from shared.asks.agents import AgentFinished, AgentStarted
from shared.asks.hosts import GetHost
from shared.asks.jobs import GetJob, JobReport, ReportJobs, ReportTogether, RunSourceGroup
from shared.clock import utc_now
from shared.refusal import Refusal


async def announced(client, subject="job.finished", number=1):
    """The first events of this subject in the stream, in order."""
    js = client.jetstream()
    subscription = await js.subscribe(subject, stream=streams.STREAM, ordered_consumer=True)
    messages = [await subscription.next_msg(timeout=10) for _ in range(number)]
    await subscription.unsubscribe()
    return messages


async def test_a_job_runs_from_run_now_to_its_announcement(gateway):
    host = await gateway.host()
    group = await gateway.group(host.id)
    following = await gateway.commands(host.id)
    await gateway.hello(host.id)

    job = await gateway.ask(RunSourceGroup(source_group_id=group.id))
    run = await following()

    assert isinstance(run, JobRun)
    assert (run.job_id, run.source_group.paths) == (job.id, ["/var/mail"])
    assert run.repository.url == "rest:https://me:hunter2@backup/x"
    assert run.repository.password == "correct horse"

    started = JobStarted(job_id=job.id, started_at=utc_now(), restic_id="ab" * 32)
    await gateway.ask(AgentStarted(host_id=host.id, frame=started))
    now = utc_now()
    finished = JobFinished(job_id=job.id, status="failed", error_class="locked", finished_at=now, sent_at=now)
    assert await gateway.ask(AgentFinished(host_id=host.id, frame=finished)) is None

    (message,) = await announced(gateway.client)
    event = json.loads(message.data)
    assert event["source_group_id"] == str(group.id)
    assert event["error_class"] == "locked"
    assert message.headers["Nats-Msg-Id"] == event["event_id"]
    assert (await gateway.ask(GetHost(id=host.id))).status == "online"


async def test_a_report_is_accepted_and_announced(gateway):
    host = await gateway.host()
    group = await gateway.group(host.id)

    report = JobReport(host="WEB-01", kind="backup", source_group="Mail", status="failed", message="it broke")
    accepted = await gateway.ask(ReportJobs(reports=[report]))

    job = await gateway.ask(GetJob(id=accepted.ids[0]))
    assert (job.status, job.trigger, job.source_group_id) == ("failed", "report", group.id)
    (message,) = await announced(gateway.client)
    assert json.loads(message.data)["job_id"] == str(job.id)


async def test_requests_that_come_together_are_answered_each_for_itself(gateway):
    host = await gateway.host()
    good, unknown = ({"host": name, "kind": "check", "status": "failed"} for name in (host.name, "nowhere"))
    requests = [ReportJobs(reports=[JobReport(**report)], single=True) for report in (good, unknown, good)]
    first, refused, third = await gateway.ask(ReportTogether(requests=requests))

    assert refused.status == 422
    assert refused.errors[0].pointer == "/host"
    for accepted in (first, third):
        assert (await gateway.ask(GetJob(id=accepted.ids[0]))).status == "failed"
    assert len(await announced(gateway.client, number=2)) == 2


async def test_a_job_is_sent_again_until_the_agent_says_that_it_began(gateway):
    host = await gateway.host()
    group = await gateway.group(host.id)
    following = await gateway.commands(host.id)
    await gateway.hello(host.id)
    job = await gateway.ask(RunSourceGroup(source_group_id=group.id))

    first, second = await following(), await asyncio.wait_for(following(), 20)

    assert first.job_id == second.job_id == job.id


async def test_a_second_run_of_the_same_group_is_refused_with_the_first(gateway):
    host = await gateway.host()
    group = await gateway.group(host.id)
    job = await gateway.ask(RunSourceGroup(source_group_id=group.id))

    refusal = await gateway.ask(RunSourceGroup(source_group_id=group.id))

    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.extra) == (409, {"job_id": str(job.id)})
    assert job.message == "waiting for the agent, which has never connected"
