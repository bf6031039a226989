from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from shared.asks.agents import AgentIdentity, AuthenticateAgent
from shared.asks.alerts import JudgeEvidence
from shared.asks.ask import Page
from shared.asks.jobs import Accepted, CreateJob, GetJob, Job, ListJobs, LogText, ReadLog, ReportJobs
from shared.vocabulary import Evidence, JobKind, JobStatus, JobTrigger

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
