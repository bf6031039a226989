"""Hosts, their tokens, repositories and groups."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from services.jobs.answers import hosts, jobs, repositories, source_groups
from services.jobs.dispatch import run_frame
from services.jobs.queries.agents import claim_dispatches
from shared.asks.agents import AuthenticateAgent
from shared.asks.hosts import (
    CreateHost,
    DeleteHost,
    GetHost,
    HostCreate,
    HostPatch,
    ListHosts,
    PatchHost,
    RenewHostToken,
)
from shared.asks.jobs import CreateJob, JobCreate, Synthetic, TellSynthetic
from shared.asks.repositories import (
    CreateRepository,
    DeleteRepository,
    GetRepository,
    InlineRepository,
    PatchRepository,
    RepositoryCreate,
    RepositoryPatch,
)
from shared.asks.source_groups import ListSourceGroups, PatchSourceGroup, SourceGroupPatch
from shared.refusal import Refusal
from shared.sealing import Sealer


async def test_a_renewed_token_ends_the_old_one_at_once(fleet):
    host = await fleet.host()
    known = await hosts.authenticate(fleet.desk, AuthenticateAgent(token=host.agent_token))

    renewed = await hosts.renew_token(fleet.desk, RenewHostToken(id=host.id))

    assert known.host_id == host.id
    assert (await hosts.authenticate(fleet.desk, AuthenticateAgent(token=host.agent_token))).status == 401
    assert (await hosts.authenticate(fleet.desk, AuthenticateAgent(token=renewed.agent_token))).host_name == "web-01"


async def test_a_host_made_by_a_report_has_no_token_until_one_is_asked_for(fleet, backup):
    await fleet.report(backup(), create=True)
    (host,) = (await hosts.list_by_name(fleet.desk, ListHosts())).items

    assert (await hosts.authenticate(fleet.desk, AuthenticateAgent(token=""))).status == 401
    renewed = await hosts.renew_token(fleet.desk, RenewHostToken(id=host.id))
    assert (await hosts.authenticate(fleet.desk, AuthenticateAgent(token=renewed.agent_token))).host_id == host.id


async def test_deleting_a_host_takes_its_jobs_and_its_token_and_says_so(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))
    await fleet.schedule(host)

    assert await hosts.delete(fleet.desk, DeleteHost(id=host.id)) is None

    assert (await fleet.job(job.id)).status == 404
    assert (await hosts.authenticate(fleet.desk, AuthenticateAgent(token=host.agent_token))).status == 401
    (event,) = await fleet.said("host.deleted")
    assert (event["host_id"], event["host_name"]) == (str(host.id), "web-01")
    assert (await hosts.delete(fleet.desk, DeleteHost(id=host.id))).status == 404


async def test_names_are_unique_without_regard_to_case(fleet):
    host = await fleet.host("web-01")
    group = await fleet.group(host, "mail")
    repository = await repositories.get(fleet.desk, GetRepository(id=host.repository.id))

    for refusal, existing in [
        (await fleet.host("WEB-01", repository=False), host.id),
        (await fleet.group(host, "MAIL"), group.id),
        (await _repository(fleet, "Web-01"), repository.id),
    ]:
        assert (refusal.status, refusal.extra) == (409, {"existing_id": str(existing)})


async def _repository(fleet, name, **fields):
    body = RepositoryCreate(**{"name": name, "url": "/srv/backup"} | fields)
    return await repositories.create(fleet.desk, CreateRepository(body=body))


async def test_a_host_is_not_made_when_its_repositorys_name_is_taken(fleet):
    taken = await _repository(fleet, "shared")
    body = HostCreate(name="web-01", repository=InlineRepository(name="Shared", url="/srv/x"))

    refusal = await hosts.create(fleet.desk, CreateHost(body=body))

    assert refusal.extra == {"existing_id": str(taken.id)}
    assert (await hosts.list_by_name(fleet.desk, ListHosts())).items == []


async def test_the_reserved_name_and_an_unknown_repository_are_refused(fleet):
    with pytest.raises(ValidationError):
        HostCreate(name="KeepWatch")
    body = HostCreate(name="web-01", repository_id=uuid4())

    refusal = await hosts.create(fleet.desk, CreateHost(body=body))

    assert (refusal.status, refusal.errors[0].pointer) == (422, "/repository_id")


async def test_hosts_are_listed_by_name_in_pages_and_found_by_what_they_are(fleet):
    for name in ("b-100%", "A-1", "c_1"):
        await fleet.host(name, repository=False, labels={"first": name[0].lower()})

    first = await hosts.list_by_name(fleet.desk, ListHosts(limit=2))
    rest = await hosts.list_by_name(fleet.desk, ListHosts(limit=2, cursor=first.next_cursor))
    assert [[host.name for host in page.items] for page in (first, rest)] == [["A-1", "b-100%"], ["c_1"]]
    assert rest.next_cursor is None
    for asked, found in [
        ({"q": "100%"}, ["b-100%"]),
        ({"q": "C_"}, ["c_1"]),
        ({"names": ["a-1", "nobody"]}, ["A-1"]),
        ({"labels": ["first=a", "first=c"]}, ["A-1", "c_1"]),
        ({"statuses": ["online"]}, []),
    ]:
        page = await hosts.list_by_name(fleet.desk, ListHosts(**asked))
        assert [host.name for host in page.items] == found


@pytest.mark.parametrize("key", ["nonsense", ["\ud800"], ["\0"], [None], {"name": 1}, "n"])
async def test_a_cursor_that_names_no_host_is_refused(fleet, key):
    broken = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    assert (await hosts.list_by_name(fleet.desk, ListHosts(cursor=broken))).errors[0].pointer == "/cursor"


async def test_secrets_are_stored_sealed_and_shown_nowhere(fleet):
    url = "rest:https://me:hunter2@backup.example.org/web"
    secrets = {"url": url, "password": "correct horse", "env": {"AWS_SECRET_ACCESS_KEY": "staple"}}
    repository = await _repository(fleet, "offsite", **secrets)

    stored = await fleet.pool.fetchval("SELECT repository::text FROM jobs.repository")
    plain = await fleet.pool.fetchval("SELECT secrets FROM jobs.repository")

    assert repository.url == "rest:https://backup.example.org/web"
    for secret in ("hunter2", "correct horse", "staple"):
        assert secret not in stored
        assert secret.encode() not in plain
        assert secret not in repository.model_dump_json()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rest:https://me:p%40ss@h/x?a=b@c", "rest:https://h/x?a=b@c"),
        ("rest:https://me:p@ss@h:8000/", "rest:https://h:8000/"),
        ("rest:https://me:pa#ss@h/", "rest:https://h/"),
        ("rest:https://me:pa?ss@h/", "rest:https://h/"),
        ("rest:http://me:pass@[::1]:8000/", "rest:http://[::1]:8000/"),
        ("s3:https://key:pass@h/bucket", "s3:https://h/bucket"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
async def test_a_repositorys_url_is_shown_without_userinfo(fleet, url, shown):
    assert (await _repository(fleet, "offsite", url=url)).url == shown


async def test_a_patched_repository_keeps_its_other_secrets_and_its_identity(fleet):
    host = await fleet.host()
    job = await fleet.run(await fleet.group(host))
    await fleet.pool.execute("UPDATE jobs.repository SET restic_id = 'known'")
    changes = RepositoryPatch(url="/srv/moved", env={"B2_ACCOUNT_ID": "x"})

    patched = await repositories.patch(fleet.desk, PatchRepository(id=host.repository.id, changes=changes))

    await fleet.hello(host)
    async with fleet.pool.acquire() as connection:
        (due,) = await claim_dispatches(connection, again_after=timedelta(0), limit=10)
    frame = run_frame(due, fleet.desk.sealer)
    assert frame.job_id == job.id
    assert (patched.url, patched.restic_id) == ("/srv/moved", "known")
    assert (frame.repository.url, frame.repository.password) == ("/srv/moved", "correct horse")
    assert frame.repository.env == {"B2_ACCOUNT_ID": "x"}


async def test_after_a_change_of_the_secret_key_the_secrets_are_asked_for_anew(fleet):
    made = await _repository(fleet, "offsite", password="old")
    other = replace(fleet.desk, sealer=Sealer("another secret key of 32 characters"))
    partial = PatchRepository(id=made.id, changes=RepositoryPatch(name="renamed"))
    whole = PatchRepository(id=made.id, changes=RepositoryPatch(url="/srv/backup", password="new", env={}))

    refusal = await repositories.patch(other, partial)
    patched = await repositories.patch(other, whole)

    assert (refusal.status, "KEEPWATCH_SECRET_KEY" in refusal.detail) == (409, True)
    assert patched.url == "/srv/backup"


async def test_with_source_host_the_server_never_knows_a_secret(fleet):
    refusal = await _repository(fleet, "local", source="host", password="x")
    made = await _repository(fleet, "local", password="x")
    turned = await repositories.patch(fleet.desk, PatchRepository(id=made.id, changes=RepositoryPatch(source="host")))

    assert (refusal.status, refusal.errors[0].pointer) == (422, "/password")
    sealed = await fleet.pool.fetchval("SELECT secrets FROM jobs.repository")
    assert turned.source == "host"
    assert fleet.desk.sealer.open(sealed, f"repository:{made.id}")["password"] is None


async def test_a_repository_in_use_is_not_deleted(fleet):
    host = await fleet.host()

    refusal = await repositories.delete(fleet.desk, DeleteRepository(id=host.repository.id))
    await hosts.patch(fleet.desk, PatchHost(id=host.id, changes=HostPatch(repository_id=None)))

    assert refusal.status == 409
    assert await repositories.delete(fleet.desk, DeleteRepository(id=host.repository.id)) is None
    assert (await repositories.delete(fleet.desk, DeleteRepository(id=host.repository.id))).status == 404


async def test_a_restic_group_needs_a_repository_and_a_command_does_not(fleet):
    host = await fleet.host(repository=False)
    restic = await fleet.group(host, "files")
    command = await fleet.group(host, "dump", engine="command", command=["/usr/bin/pg_dumpall"])

    assert (await fleet.run(restic)).status == 409
    assert (await fleet.run(command)).status == "queued"
    forget = await jobs.create(fleet.desk, CreateJob(host_id=host.id, body=JobCreate(kind="forget")))
    assert forget.status == 409


async def test_a_group_is_patched_field_by_field_and_shows_its_last_job(fleet, backup):
    host = await fleet.host()
    group = await fleet.group(host, retention={"keep_last": 3})
    (job,) = (await fleet.report(backup(error_class="locked"))).ids

    patch = PatchSourceGroup(id=group.id, changes=SourceGroupPatch(excludes=["*.tmp"], retention=None))
    await source_groups.patch(fleet.desk, patch)
    wrong = await source_groups.patch(
        fleet.desk, PatchSourceGroup(id=group.id, changes=SourceGroupPatch(engine="command"))
    )

    (shown,) = (await source_groups.list_newest(fleet.desk, ListSourceGroups(host_id=host.id))).items
    assert (shown.paths, shown.excludes, shown.retention) == (["/var/mail"], ["*.tmp"], None)
    assert (shown.last_job.id, shown.last_job.error_class) == (job, "locked")
    assert (wrong.status, wrong.errors[0].pointer) == (422, "/command")


async def test_what_there_is_not_is_not_found(fleet):
    nothing = UUID(int=1)

    for answer in (
        await hosts.get(fleet.desk, GetHost(id=nothing)),
        await source_groups.list_newest(fleet.desk, ListSourceGroups(host_id=nothing)),
        await jobs.create(fleet.desk, CreateJob(host_id=nothing, body=JobCreate(kind="check"))),
        await repositories.get(fleet.desk, GetRepository(id=nothing)),
    ):
        assert isinstance(answer, Refusal)
        assert answer.status == 404


async def test_a_synthetic_failure_and_its_recovery_are_said_without_a_job(fleet):
    await fleet.host()

    for resolve in (False, True):
        body = Synthetic(host="WEB-01", kind="backup_warning", resolve=resolve)
        assert await jobs.tell_synthetic(fleet.desk, TellSynthetic(body=body)) is None
    unknown = await jobs.tell_synthetic(fleet.desk, TellSynthetic(body=Synthetic(host="nobody")))
    foreign = await jobs.tell_synthetic(fleet.desk, TellSynthetic(body=Synthetic(host="web-01", kind="host_offline")))

    raised, resolved = await fleet.said("job.finished")
    assert (raised["status"], resolved["status"]) == ("warning", "succeeded")
    assert (raised["kind"], raised["dedup_key"], raised["synthetic"]) == ("backup", "fake", True)
    assert (raised["job_id"], raised["source_group_id"]) == (None, None)
    assert [refusal.errors[0].pointer for refusal in (unknown, foreign)] == ["/host", "/kind"]
