"""The forms of hosts and jobs: what they ask of jobs, what they never say, and who may send them."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.asks.alerts import CountUnresolved, JudgeEvidence, ListAlerts, ListAlertsOfJob
from shared.asks.ask import Page
from shared.asks.hosts import CreateHost, DeleteHost, GetHost, Host, HostWithToken, ListHosts, PatchHost, RenewHostToken
from shared.asks.jobs import CancelJob, CreateJob, GetJob, Job, ListJobs, LogText, ReadLog, RunSourceGroup, TellPastRuns
from shared.asks.repositories import GetRepository, ListRepositories, PatchRepository, Repository, RepositoryRef
from shared.asks.schedules import (
    DeleteSchedule,
    GetSchedule,
    ListSchedules,
    PatchSchedule,
    PreviewSchedule,
    Schedule,
)
from shared.asks.source_groups import DeleteSourceGroup, GetSourceGroup, ListSourceGroups, PatchSourceGroup, SourceGroup
from shared.refusal import Refusal
from shared.vocabulary import HostStatus, JobKind, JobStatus, JobTrigger

HOST, GROUP, SCHEDULE = UUID(int=1), UUID(int=2), UUID(int=3)
REPOSITORY, JOB, OTHER = UUID(int=4), UUID(int=5), UUID(int=6)
AT = datetime(2026, 1, 1, tzinfo=UTC)
HTML = {"Accept": "text/html"}
NASTY = "<script>alert(1)</script>"


def host(**more) -> Host:
    fields = {
        "labels": {},
        "status": HostStatus.ONLINE,
        "last_seen_at": AT,
        "agent_version": "1",
        "restic_version": None,
    }
    fields |= {"os": NASTY, "offline_after_seconds": 600, "created_at": AT, "name": NASTY, "id": HOST}
    fields["repository"] = RepositoryRef(id=REPOSITORY, name=NASTY, url="s3:https://s3.example.com/b")
    return Host(**(fields | more))


def job(**more) -> Job:
    nothing = dict.fromkeys(("started_at", "finished_at", "exit_code", "error_class", "message", "summary", "progress"))
    fields = nothing | {
        "id": JOB,
        "host_id": HOST,
        "host_name": NASTY,
        "kind": JobKind.BACKUP,
        "source_group_id": GROUP,
    }
    fields |= {"source_group_name": NASTY, "repository_id": REPOSITORY, "status": JobStatus.RUNNING}
    return Job(**(fields | {"trigger": JobTrigger.MANUAL, "created_at": AT} | more))


GROUP_ROW = SourceGroup(
    id=GROUP, host_id=HOST, name=NASTY, paths=["/etc"], excludes=[], engine="restic", command=None,
    retention={"keep_daily": 7}, last_success_at=None, last_job=None, created_at=AT,
)  # fmt: skip
SCHEDULE_ROW = Schedule(
    id=SCHEDULE, host_id=HOST, kind="backup", cron="0 2 * * *", timezone="UTC", source_group_ids=[GROUP], enabled=True,
    next_run_at=AT, last_run_at=None,
)  # fmt: skip
REPOSITORY_ROW = Repository(
    id=REPOSITORY,
    name=NASTY,
    url="rest:https://host/repo",
    source="server",
    create=True,
    restic_id="abc",
    created_at=AT,
)


@pytest.fixture
async def owners(bus):
    """One host with a group, a schedule, a repository and a running job, all with names that try it on."""
    answers = {
        ListHosts: Page(items=[host()]), GetHost: host(), PatchHost: host(), DeleteHost: None,
        CreateHost: HostWithToken(**dict(host()), agent_token="kwa_shown_once"),
        RenewHostToken: HostWithToken(**dict(host()), agent_token="kwa_shown_once"),
        ListSourceGroups: Page(items=[GROUP_ROW]), GetSourceGroup: GROUP_ROW, PatchSourceGroup: GROUP_ROW,
        DeleteSourceGroup: None, ListSchedules: Page(items=[SCHEDULE_ROW]), GetSchedule: SCHEDULE_ROW,
        PatchSchedule: SCHEDULE_ROW, DeleteSchedule: None, PreviewSchedule: [AT],
        ListRepositories: Page(items=[REPOSITORY_ROW]), GetRepository: REPOSITORY_ROW, PatchRepository: REPOSITORY_ROW,
        ListJobs: Page(items=[job()]), GetJob: job(message=NASTY, progress={"percent": 42.0}), CancelJob: job(),
        RunSourceGroup: job(), CreateJob: job(), ReadLog: LogText(text=NASTY.encode(), total=len(NASTY)),
        TellPastRuns: [], CountUnresolved: {HOST: 1}, ListAlerts: Page(items=[]), ListAlertsOfJob: [],
        JudgeEvidence: {},
    }  # fmt: skip
    for question, answer in answers.items():
        await bus.answer(question, answer)

    async def instead(question, answer):
        await bus.silence(question)
        await bus.answer(question, answer)

    bus.instead = instead
    return bus


@pytest.fixture
async def signed_in(gateway):
    """Signs somebody in; gets pages, sends their forms."""

    async def sign_in(name="admin", password="a-long-admin-password"):
        form = {"username": name, "password": password}
        answer = await gateway.call("POST", "/login", token="", data=form, headers=HTML, status=303)
        cookies = "; ".join(each.partition(";")[0] for each in answer.headers.getall("Set-Cookie"))
        headers = HTML | {"Cookie": cookies}

        async def call(method, path, form=None, status=200, **more):
            if form is not None:
                form = {"csrf_token": re.search(r"keepwatch_csrf=([^;]+)", cookies)[1]} | form
            return await gateway.call(method, path, token="", data=form, headers=headers | more, status=status)

        return call

    return sign_in


PAGES = [
    "/hosts", f"/hosts/{HOST}", f"/hosts/{HOST}/edit", f"/hosts/{HOST}/token", f"/hosts/{HOST}/delete",
    f"/hosts/{HOST}/source-groups/new", f"/hosts/{HOST}/source-groups/{GROUP}",
    f"/hosts/{HOST}/source-groups/{GROUP}/delete", f"/hosts/{HOST}/schedules/new",
    f"/hosts/{HOST}/schedules/{SCHEDULE}", f"/hosts/{HOST}/schedules/{SCHEDULE}/delete", "/repositories",
    f"/repositories/{REPOSITORY}", f"/repositories/{REPOSITORY}/delete", "/jobs", f"/jobs/{JOB}",
    "/hosts/options?host=x", "/repositories/options?repository_existing=x",
]  # fmt: skip
ADMINS = [
    ("/hosts/new", {}), (f"/hosts/{HOST}/edit", {}), (f"/hosts/{HOST}/token", {}), (f"/hosts/{HOST}/delete", {}),
    (f"/hosts/{HOST}/source-groups/new", {}), (f"/hosts/{HOST}/source-groups/{GROUP}", {}),
    (f"/hosts/{HOST}/source-groups/{GROUP}/delete", {}), (f"/hosts/{HOST}/schedules/new", {}),
    (f"/hosts/{HOST}/schedules/{SCHEDULE}", {}), (f"/hosts/{HOST}/schedules/{SCHEDULE}/enabled", {"enabled": "yes"}),
    (f"/hosts/{HOST}/schedules/{SCHEDULE}/delete", {}), ("/repositories/new", {}), (f"/repositories/{REPOSITORY}", {}),
    (f"/repositories/{REPOSITORY}/delete", {}),
]  # fmt: skip
OPERATORS = [
    (f"/hosts/{HOST}/source-groups/{GROUP}/run", {}),
    (f"/hosts/{HOST}/jobs", {"kind": "check"}),
    (f"/jobs/{JOB}/cancel", {}),
]


@pytest.mark.parametrize("path", PAGES)
async def test_names_messages_and_logs_are_text_on_every_page(owners, signed_in, path):
    call = await signed_in()
    page = await call("GET", path)

    assert "&lt;script&gt;" in page.body
    assert NASTY not in page.body


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_a_role_sees_and_sends_only_what_it_may(gateway, owners, signed_in, role):
    person = {"name": "ada", "role": role, "password": "a-long-enough-password"}
    await gateway.call("POST", "/api/v1/users", json=person, status=201)
    call = await signed_in("ada", "a-long-enough-password")

    for path, form in ADMINS:
        await call("POST", path, form, status=403)
    for path, form in OPERATORS:
        await call("POST", path, form, status=303 if role == "operator" else 403)
    pages = [
        (await call("GET", path)).body
        for path in ("/hosts", f"/hosts/{HOST}", f"/jobs/{JOB}", f"/repositories/{REPOSITORY}")
    ]
    words = {word for word in ("Add host", "Edit", "Delete", "Renew", "Run now", "Prune", "Cancel", "Forget", "Save")
             if any(f">{word}" in page for page in pages)}  # fmt: skip
    # A group without a running job could be run; the one of the page has one.
    assert words == ({"Prune", "Cancel", "Forget"} if role == "operator" else set())


@pytest.mark.parametrize(("path", "form"), ADMINS + OPERATORS)
async def test_only_forms_of_our_own_pages_are_taken(owners, signed_in, path, form):
    call = await signed_in()
    before = len(owners.asked)

    await call("POST", path, form | {"csrf_token": "x"}, status=403)
    await call("POST", path, form, status=403, **{"Sec-Fetch-Site": "cross-site"})

    assert len(owners.asked) == before


async def test_a_host_is_made_with_its_repository_and_its_token_shown_once(owners, signed_in):
    call = await signed_in()
    form = {
        "name": "web-01", "labels": "site=berlin\n\nrole = web", "offline_after_seconds": "never", "repository": "new",
        "repository_url": "s3:https://s3.example.com/b", "repository_password": " spaced ",
        "repository_source": "server",
        "repository_env": "AWS_ACCESS_KEY_ID=key=1", "repository_create": "yes",
    }  # fmt: skip
    page = await call("POST", "/hosts/new", form, status=201)

    (asked,) = owners.questions(CreateHost)
    assert (asked.body.labels, asked.body.offline_after_seconds) == ({"site": "berlin", "role": "web"}, None)
    assert asked.body.repository.password == " spaced "
    assert asked.body.repository.env == {"AWS_ACCESS_KEY_ID": "key=1"}
    assert "kwa_shown_once" in page.body
    assert "keepwatch agent --server http://127.0.0.1" in page.body
    assert "kwa_shown_once" not in (await call("GET", f"/hosts/{HOST}")).body


async def test_a_form_that_is_refused_keeps_what_was_typed_and_no_secret(owners, signed_in):
    call = await signed_in()
    form = {
        "name": "web-01", "labels": "site:berlin", "repository": "new", "repository_url": "/srv/backup",
        "repository_password": "opensesame", "repository_env": "AWS_SECRET_ACCESS_KEY=swordfish",
    }  # fmt: skip
    page = await call("POST", "/hosts/new", form, status=422)

    assert "&#39;site:berlin&#39; is not of the form key=value." in page.body
    assert 'value="web-01"' in page.body
    assert 'value="/srv/backup"' in page.body
    assert "opensesame" not in page.body
    assert "swordfish" not in page.body
    assert owners.questions(CreateHost) == []


async def test_every_mistake_stands_at_its_field(owners, signed_in):
    call = await signed_in()
    form = {
        "name": "keepwatch", "labels": "my key=1", "repository": "new", "repository_url": "-x",
        "repository_env": "PATH=/tmp", "offline_after_seconds": "5",
    }  # fmt: skip
    page = await call("POST", "/hosts/new", form, status=422)

    places = {"name", "labels", "repository_url", "repository_env", "offline_after_seconds"}
    assert {place for place in places if f'id="{place}-wrong"' in page.body} == places
    assert 'role="alert"' not in page.body


async def test_a_repository_that_the_host_alone_knows_takes_no_secrets_along(owners, signed_in):
    call = await signed_in()
    form = {"name": "x", "offline_after_seconds": "600", "repository": "new", "repository_url": "/srv",
            "repository_source": "host", "repository_password": "typed before the choice"}  # fmt: skip
    await call("POST", "/hosts/new", form, status=201)

    (asked,) = owners.questions(CreateHost)
    assert (asked.body.repository.source, asked.body.repository.password) == ("host", None)


async def test_what_stays_empty_of_a_repository_stays_as_it_is(owners, signed_in):
    call = await signed_in()
    form = {"name": "new name", "url": REPOSITORY_ROW.url, "source": "server", "password": "", "env": ""}
    await call("POST", f"/repositories/{REPOSITORY}", form, status=303)
    await call("POST", f"/repositories/{REPOSITORY}", form | {"url": "/elsewhere", "env_clear": "on"}, status=303)

    kept, changed = (asked.changes for asked in owners.questions(PatchRepository))
    assert kept.model_dump(exclude_unset=True) == {"name": "new name", "create": False, "source": "server"}
    assert changed.model_dump(exclude_unset=True, include={"url", "env", "password"}) == {
        "url": "/elsewhere",
        "env": {},
    }


async def test_a_host_takes_the_repository_that_is_named_and_no_unknown_one(owners, signed_in):
    call = await signed_in()
    form = {"name": "web-01", "offline_after_seconds": "600", "repository_existing": "vault"}
    await call("POST", f"/hosts/{HOST}/edit", form, status=303)
    await call("POST", f"/hosts/{HOST}/edit", form | {"repository_existing": ""}, status=303)

    assert [asked.changes.repository_id for asked in owners.questions(PatchHost)] == [REPOSITORY, None]
    assert owners.questions(ListRepositories)[0].names == ["vault"]


async def test_a_host_is_deleted_only_by_its_name(owners, signed_in):
    call = await signed_in()
    await call("POST", f"/hosts/{HOST}/delete", {"name": "web-01"}, status=422)
    assert owners.questions(DeleteHost) == []

    answer = await call("POST", f"/hosts/{HOST}/delete", {"name": NASTY.upper()}, status=303)
    assert answer.headers["Location"] == "/hosts?done=host-deleted"
    assert len(owners.questions(DeleteHost)) == 1


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        ({"engine": "restic", "command": "/bin/dump", "excludes": "*.tmp\n\n/var/cache", "retention_keep_daily": "7"},
         {"engine": "restic", "command": None, "excludes": ["*.tmp", "/var/cache"], "retention": {"keep_daily": 7}}),
        ({"engine": "command", "command": "/bin/dump\n--all", "excludes": "*.tmp", "retention_keep_daily": "7"},
         {"engine": "command", "command": ["/bin/dump", "--all"], "excludes": [], "retention": None}),
    ],
)  # fmt: skip
async def test_a_group_takes_only_what_goes_with_its_engine(owners, signed_in, form, changes):
    call = await signed_in()
    await call("POST", f"/hosts/{HOST}/source-groups/{GROUP}", {"name": "etc", "paths": "/etc"} | form, status=303)

    (asked,) = owners.questions(PatchSourceGroup)
    assert asked.changes.model_dump(mode="json", exclude_none=True, include=set(changes)) == {
        name: value for name, value in changes.items() if value is not None
    }


@pytest.mark.parametrize("noun", [f"source-groups/{GROUP}", f"schedules/{SCHEDULE}"])
async def test_what_is_another_hosts_is_not_found_at_this_one(owners, signed_in, noun):
    call = await signed_in()

    await call("GET", f"/hosts/{OTHER}/{noun}", status=404)
    await call("POST", f"/hosts/{OTHER}/{noun}/delete", {}, status=404)
    assert owners.questions(DeleteSourceGroup) + owners.questions(DeleteSchedule) == []


async def test_a_schedule_names_groups_for_backups_only_and_at_least_one(owners, signed_in):
    call = await signed_in()
    path = f"/hosts/{HOST}/schedules/{SCHEDULE}"
    form = {"kind": "backup", "cron": "0 2 * * *", "timezone": "UTC", "which": "these", "enabled": "yes"}

    refused = await call("POST", path, form, status=422)
    await call("POST", path, form | {"source_group_ids": str(GROUP)}, status=303)
    await call("POST", path, form | {"kind": "prune", "source_group_ids": str(GROUP)}, status=303)

    assert "Choose at least one source group" in refused.body
    assert [asked.changes.source_group_ids for asked in owners.questions(PatchSchedule)] == [[GROUP], None]


async def test_a_preview_spells_out_the_runs_or_what_is_wrong(owners, signed_in):
    call = await signed_in()
    path = "/hosts/schedule-preview?cron=0+1+*+*+*&timezone=Europe/Berlin"
    assert "Thu 01 Jan 2026, 01:00 CET" in (await call("GET", path)).body

    await owners.instead(PreviewSchedule, Refusal.invalid(("/cron", "must have five fields")))
    assert "When must have five fields." in (await call("GET", path.replace("Europe/Berlin", NASTY))).body


async def test_a_click_is_answered_with_the_news_by_a_live_page_and_with_the_way_by_any_other(owners, signed_in):
    call = await signed_in()
    path = f"/hosts/{HOST}/source-groups/{GROUP}/run"
    live = await call("POST", path, {}, status=204, **{"HX-Request": "true"})
    plain = await call("POST", path, {}, status=303)

    assert "acted" in live.headers["HX-Trigger"]
    assert plain.headers["Location"] == f"/jobs/{JOB}"


async def test_filters_of_a_list_may_be_empty_and_wrong_ones_are_said(owners, signed_in):
    call = await signed_in()
    await call("GET", "/hosts?q=&label=&status=")
    await call("GET", "/jobs?status=&kind=&host=&since=")
    await owners.instead(ListHosts, Refusal.invalid(("/label", "'berlin' is not of the form key=value")))

    assert "&#39;berlin&#39; is not of the form key=value" in (await call("GET", "/hosts?label=berlin")).body
    (asked, *_) = owners.questions(ListHosts)
    assert (asked.q, asked.labels, asked.statuses) == (None, [], [])


async def test_jobs_are_filtered_by_the_address(owners, signed_in):
    call = await signed_in()
    await call("GET", f"/jobs?status=unfinished&kind=backup&host=web-01&since=24h&source_group_id={GROUP}")

    (asked,) = owners.questions(ListJobs)
    assert (asked.host_ids, asked.kinds, asked.source_group_ids) == ([HOST], [JobKind.BACKUP], [GROUP])
    assert set(asked.statuses) == {JobStatus.QUEUED, JobStatus.DISPATCHED, JobStatus.RUNNING}
    assert asked.since is not None


async def test_a_job_says_what_its_end_did_even_while_the_judge_is_away(gateway, owners, signed_in):
    await owners.instead(GetJob, job(status=JobStatus.FAILED, finished_at=AT, error_class="locked"))
    page = await (await signed_in())("GET", f"/jobs/{JOB}")

    assert "Repository locked." in page.body
    assert "has not been judged yet" in page.body


async def test_a_job_of_the_demos_past_is_never_judged_and_says_so(gateway, owners, signed_in):
    await owners.instead(GetJob, job(status=JobStatus.FAILED, finished_at=AT, summary={"demo": True}))
    page = await (await signed_in())("GET", f"/jobs/{JOB}")

    assert "made up for the demo" in page.body
