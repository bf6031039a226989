import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from shared.asks.agents import AgentIdentity, AuthenticateAgent
from shared.asks.alerts import JudgeEvidence
from shared.asks.ask import Page
from shared.asks.jobs import Accepted, CreateJob, GetJob, Job, ListJobs, LogText, ReadLog, ReportJobs, ReportTogether
from shared.refusal import Refusal
from shared.vocabulary import Evidence, JobKind, JobStatus, JobTrigger
from tests.messaging.api.conftest import eventually

JOB, HOST = UUID("44444444-4444-4444-4444-444444444444"), UUID("22222222-2222-2222-2222-222222222222")
LOG = b"".join(b"%07d\n" % number for number in range(200_000))  # 1.6 MB
PATH = f"/api/v1/jobs/{JOB}/log"
REPORTS = "/api/v1/job-reports"
CHECK = {"kind": "check", "status": "failed"}


@pytest.fixture
async def log(bus):
    """Answers as jobs does: at most 1 MiB at once, a negative start is a tail."""
    whole = [LOG]

    def read(asked: ReadLog) -> LogText:
        total = len(whole[0])
        start = max(total + asked.start, 0) if asked.start < 0 else asked.start
        end = min(total if asked.end is None else asked.end, start + 1024 * 1024)
        return LogText(text=whole[0][start:end], total=total)

    await bus.answer(ReadLog, read)
    return whole


async def test_a_log_is_read_whole(gateway, log):
    answer = await gateway.call("GET", PATH, status=200)

    assert answer.body.encode() == LOG
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=5-5", 5, 6),
        ("bytes=1000-", 1000, len(LOG)),
        ("bytes=-8", len(LOG) - 8, len(LOG)),
        (f"bytes=-{len(LOG) * 2}", 0, len(LOG)),
        (f"bytes=10-{len(LOG) * 2}", 10, len(LOG)),
        ("bytes=100000-1400000", 100_000, 1_400_001),
    ],
)
async def test_a_part_of_a_log(gateway, log, wanted, start, end):
    answer = await gateway.call("GET", PATH, headers={"Range": wanted}, status=206)

    assert answer.body.encode() == LOG[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(LOG)}"


@pytest.mark.parametrize("wanted", [f"bytes={len(LOG)}-", "bytes=-0"])
async def test_a_part_that_is_not_there_is_416(gateway, log, wanted):
    answer = await gateway.call("GET", PATH, headers={"Range": wanted}, status=416)

    assert answer.headers["Content-Range"] == f"bytes */{len(LOG)}"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=9-3", "bytes=", "bytes=0-1,5-6"])
async def test_a_range_that_makes_no_sense_is_ignored(gateway, log, wanted):
    log[0] = b"short"
    answer = await gateway.call("GET", PATH, headers={"Range": wanted}, status=200)

    assert answer.body == "short"


async def test_an_empty_log(gateway, log):
    log[0] = b""
    answer = await gateway.call("GET", PATH, status=200)

    assert (answer.body, answer.headers["Content-Length"]) == ("", "0")
    await gateway.call("GET", PATH, headers={"Range": "bytes=0-"}, status=416)


@pytest.fixture
async def job(bus):
    """One finished job."""
    described = ("error_class", "message", "summary", "progress", "exit_code")
    dated = ("started_at", "finished_at")
    placed = ("source_group_id", "source_group_name", "repository_id")
    nothing = dict.fromkeys((*described, *dated, *placed))
    found = Job(
        id=JOB,
        host_id=HOST,
        host_name="web-01",
        kind=JobKind.CHECK,
        status=JobStatus.FAILED,
        trigger=JobTrigger.REPORT,
        created_at=datetime.now(UTC),
        **nothing,
    )
    await bus.answer(GetJob, found)
    await bus.answer(ListJobs, Page(items=[found]))


async def test_evidence_is_what_alerts_says_and_null_while_it_says_nothing(gateway, bus, job):
    away = [await gateway.call("GET", path, status=200) for path in (f"/api/v1/jobs/{JOB}", "/api/v1/jobs")]
    await bus.answer(JudgeEvidence, {JOB: Evidence.APPLIED})
    there = [await gateway.call("GET", path, status=200) for path in (f"/api/v1/jobs/{JOB}", "/api/v1/jobs")]

    assert [away[0].body["evidence"], away[1].body["items"][0]["evidence"]] == [None, None]
    assert [there[0].body["evidence"], there[1].body["items"][0]["evidence"]] == ["applied", "applied"]


async def test_filters_reach_jobs(gateway, bus, job):
    path = f"/api/v1/jobs?kind=check&kind=prune&status=failed&host_id={HOST}&since=2026-01-01T00:00:00+01:00&limit=7"
    await gateway.call("GET", path, status=200)

    (asked,) = bus.questions(ListJobs)
    assert (asked.kinds, asked.statuses, asked.host_ids, asked.limit) == (["check", "prune"], ["failed"], [HOST], 7)
    assert asked.since == datetime.fromisoformat("2026-01-01T00:00:00+01:00")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        (f"/api/v1/hosts/{HOST}/jobs", {"kind": "backup"}, "/source_group_id"),
        (f"/api/v1/hosts/{HOST}/jobs", {"kind": "prune", "source_group_id": str(JOB)}, "/source_group_id"),
        (REPORTS, CHECK | {"host": "a", "kind": "backup"}, "/source_group"),
        (REPORTS, CHECK | {"host": "a", "finished_at": 5}, "/finished_at"),
        (REPORTS, {"reports": [CHECK | {"host": "a"}, CHECK]}, "/reports/1/host"),
        (REPORTS, {"reports": [CHECK | {"host": "a", "source_group": "x"}]}, "/reports/0/source_group"),
        (REPORTS, {"reports": [CHECK | {"host": "a", "host_id": str(HOST)}]}, "/reports/0/host_id"),
        (REPORTS, {"reports": [CHECK | {"host": "a"}] * 1001}, "/reports"),
        (REPORTS, CHECK | {"host": "a", "message": "é" * 2049}, "/message"),
    ],
)
async def test_mistakes_are_pointed_at(gateway, path, body, pointer):
    answer = await gateway.call("POST", path, json=body, status=422)

    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


async def test_a_job_is_202(gateway, bus, job):
    await bus.answer(CreateJob, lambda _: None)
    await gateway.call("POST", f"/api/v1/hosts/{HOST}/jobs", json={"kind": "prune"}, status=500)  # no job was told

    assert bus.questions(CreateJob)[0].body.kind is JobKind.PRUNE


@pytest.fixture
async def reports(bus):
    """Accepts what is reported."""
    await bus.answer(ReportJobs, lambda asked: Accepted(accepted=len(asked.reports), ids=[r.id for r in asked.reports]))
    identity = AgentIdentity(host_id=HOST, host_name="web-01")
    await bus.answer(AuthenticateAgent, identity)
    return bus


async def test_one_report_or_many(gateway, reports):
    one, many = {"id": str(uuid4()), "host": "a"} | CHECK, [{"id": str(uuid4()), "host": "b"} | CHECK] * 3
    answer = await gateway.call("POST", REPORTS, json=one, status=202)
    await gateway.call("POST", REPORTS + "?create=1", json={"reports": many}, status=202)

    assert answer.body == {"accepted": 1, "ids": [one["id"]]}
    first, second = reports.questions(ReportJobs)
    assert (first.single, first.create, first.agent_host_id, len(first.reports)) == (True, False, None, 1)
    assert (second.single, second.create, second.agent_host_id, len(second.reports)) == (False, True, None, 3)


async def test_an_agent_reports_for_its_own_host_and_makes_nothing(gateway, reports):
    body = {"id": str(uuid4())} | CHECK
    await gateway.call("POST", REPORTS, json=body, token="kwa_right", status=202)
    await gateway.call("POST", REPORTS + "?create=1", json=body, token="kwa_right", status=403)

    (asked,) = reports.questions(ReportJobs)
    assert (asked.agent_host_id, asked.reports[0].host_id) == (HOST, HOST)


@pytest.fixture
async def slow(bus):
    """Answers the first question about reports when `slow.answer` is set, and all later ones at once."""
    bus.answer_first = asyncio.Event()

    async def one(asked: ReportJobs) -> Accepted | Refusal:
        if asked is bus.questions(ReportJobs)[0]:
            await bus.answer_first.wait()
        return judged(asked)

    def judged(asked: ReportJobs) -> Accepted | Refusal:
        unknown = asked.reports[0].host == "unknown"
        wrong = Refusal.invalid(("/host", "is not a known host"))
        return wrong if unknown else Accepted(accepted=1, ids=[report.id for report in asked.reports])

    await bus.answer(ReportJobs, one)
    await bus.answer(ReportTogether, lambda asked: [judged(each) for each in asked.requests])
    yield bus
    bus.answer_first.set()


async def first_under_way(gateway, slow) -> asyncio.Task:
    sent = asyncio.create_task(gateway.call("POST", REPORTS, json={"id": str(uuid4()), "host": "a"} | CHECK))
    await eventually(lambda: slow.questions(ReportJobs))
    return sent


async def test_reports_that_come_while_others_are_under_way_go_together_and_each_gets_its_own_answer(gateway, slow):
    first = await first_under_way(gateway, slow)
    bodies = [{"id": str(uuid4()), "host": host} | CHECK for host in ("b", "unknown", "c", "d")]
    answers = await asyncio.gather(*(gateway.call("POST", REPORTS, json=body) for body in bodies))

    assert [answer.status for answer in answers] == [202, 422, 202, 202]
    assert [answer.body.get("ids") for answer in answers] == [[body["id"]] if answers[n].status == 202 else None
                                                              for n, body in enumerate(bodies)]  # fmt: skip
    assert answers[1].body["errors"][0]["pointer"] == "/host"
    assert not first.done(), "nobody waits for long for the answer to another question"
    (together,) = slow.questions(ReportTogether)
    assert {request.reports[0].host for request in together.requests} == {"b", "unknown", "c", "d"}
    slow.answer_first.set()
    assert (await first).status == 202


async def test_a_client_that_leaves_while_its_report_waits_has_reported(gateway, slow):
    await first_under_way(gateway, slow)
    leaving = [
        asyncio.create_task(gateway.call("POST", REPORTS, json={"host": f"leaving-{number}"} | CHECK))
        for number in range(2)
    ]
    await asyncio.sleep(0.02)
    for task in leaving:
        task.cancel()

    (together,) = await eventually(lambda: slow.questions(ReportTogether))
    assert {request.reports[0].host for request in together.requests} == {"leaving-0", "leaving-1"}


async def test_large_requests_go_alone(gateway, slow):
    await first_under_way(gateway, slow)
    large = {"host": "a", "message": "x" * 4000} | CHECK
    bodies = [{"reports": [large | {"id": str(uuid4())} for _ in range(160)]}] * 2
    await asyncio.gather(*(gateway.call("POST", REPORTS, json=body, status=202) for body in bodies))

    assert [len(asked.reports) for asked in slow.questions(ReportJobs)] == [1, 160, 160]
    assert not slow.questions(ReportTogether)


async def test_jobs_of_the_release_before_is_asked_one_by_one(gateway, slow):
    """It does not serve what is asked together."""
    await first_under_way(gateway, slow)
    await slow.silence(ReportTogether)
    bodies = [{"id": str(uuid4()), "host": host} | CHECK for host in ("b", "unknown", "c")]
    answers = await asyncio.gather(*(gateway.call("POST", REPORTS, json=body) for body in bodies))

    assert [answer.status for answer in answers] == [202, 422, 202]
    assert [asked.reports[0].host for asked in slow.questions(ReportJobs)] == ["a", "b", "unknown", "c"]


async def test_requests_are_told_when_the_answers_are_of_another_number(gateway, slow):
    await first_under_way(gateway, slow)
    await slow.silence(ReportTogether)
    await slow.answer(ReportTogether, lambda asked: [Accepted(accepted=1, ids=[asked.requests[0].reports[0].id])])
    bodies = [{"id": str(uuid4()), "host": "a"} | CHECK for _ in range(3)]
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(gateway.call("POST", REPORTS, json=body) for body in bodies))

    assert [answer.status for answer in answers] == [500] * 3


async def test_reports_that_wait_are_refused_when_nobody_answers(gateway, slow):
    await first_under_way(gateway, slow)
    await slow.silence(ReportTogether)
    await slow.silence(ReportJobs)
    bodies = [{"id": str(uuid4()), "host": "a"} | CHECK for _ in range(3)]
    answers = await asyncio.gather(*(gateway.call("POST", REPORTS, json=body, status=503) for body in bodies))

    assert all(answer.headers["Retry-After"] for answer in answers)
    await slow.answer(ReportJobs, lambda asked: Accepted(accepted=1, ids=[asked.reports[0].id]))
    await gateway.call("POST", REPORTS, json=bodies[0], status=202)


async def test_many_reports_go_alone(gateway, slow):
    await first_under_way(gateway, slow)
    bodies = [{"reports": [{"host": "a"} | CHECK for _ in range(600)]}] * 2
    await asyncio.gather(*(gateway.call("POST", REPORTS, json=body) for body in bodies))

    assert [len(asked.reports) for asked in slow.questions(ReportJobs)] == [1, 600, 600]


@pytest.mark.parametrize(("levels", "statuses"), [(100, [202, 202]), (101, [422, 202])])
async def test_a_deep_summary_hurts_nobody_else(gateway, slow, levels, statuses):
    summary = {}
    for _ in range(levels - 1):
        summary = {"a": summary}
    await first_under_way(gateway, slow)
    bodies = [{"id": str(uuid4()), "host": "a"} | CHECK | more for more in ({"summary": summary}, {})]
    answers = await asyncio.gather(*(gateway.call("POST", REPORTS, json=body) for body in bodies))

    assert [answer.status for answer in answers] == statuses
