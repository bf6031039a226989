"""Real backups of a real agent, run by clicks over HTTP: what works, and the five ways it most often does not."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

RESTIC = shutil.which("restic")
pytestmark = pytest.mark.skipif(RESTIC is None, reason="restic is not on PATH")
FINISHED = {"succeeded", "warning", "failed", "cancelled", "skipped"}
PASSWORD = f"never-shown-{uuid4().hex}"


@dataclass
class Host:
    """A host with an agent, a repository on its disk and a folder to back up."""

    api: Any
    id: str
    name: str
    repository_id: str
    folder: Path
    agent: subprocess.Popen

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    async def group(self, name: str, *paths: Path, **fields: Any) -> str:
        """A source group of these paths."""
        body = {"name": name, "paths": [str(path) for path in paths]} | fields
        return (await self.api.post(f"/hosts/{self.id}/source-groups", body))["id"]

    async def run(self, group_id: str) -> dict[str, Any]:
        """Run a group now, and wait for its end."""
        job = await self.api.post(f"/source-groups/{group_id}/run", expect=202)
        return await self.ended(job["id"])

    async def job(self, kind: str) -> dict[str, Any]:
        """Run forget, prune or check, and wait for its end."""
        job = await self.api.post(f"/hosts/{self.id}/jobs", {"kind": kind}, expect=202)
        return await self.ended(job["id"])

    async def ended(self, job_id: str) -> dict[str, Any]:
        async def end():
            job = await self.api.get(f"/jobs/{job_id}")
            return job if job["status"] in FINISHED else None

        return await self.api.until(end, 60)

    async def alert(self, group: str | None, title_has: str = "") -> dict[str, Any]:
        """The unresolved alert of a group, once there is one."""

        async def raised():
            alert = await self.api.open_alert(self.name, group)
            return alert if alert and title_has in alert["title"] else None

        return await self.api.until(raised)

    def restic(self, *arguments: str) -> subprocess.CompletedProcess:
        """Our own restic on the repository, as a person at the host would use it."""
        return subprocess.run(
            [RESTIC, "--repo", self.repository, "--password-file", self.folder / "password", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )


@pytest.fixture
async def host(api, keepwatch, host_name, tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "file").write_text("worth keeping")
    made = await api.post(
        "/hosts", {"name": host_name, "repository": {"url": str(tmp_path / "repository"), "password": PASSWORD}}
    )
    token_file = tmp_path / "token"
    token_file.write_text(made["agent_token"])
    token_file.chmod(0o600)
    with (tmp_path / "agent.log").open("wb") as log:
        agent = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "agent", "--server", keepwatch.url, "--token-file", token_file,
             "--state-dir", tmp_path / "state"],
            env={"PATH": f"{Path(RESTIC).parent}:/usr/bin:/bin"}, stdout=log, stderr=log, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    async def online():
        return (await api.get(f"/hosts/{made['id']}"))["status"] == "online"

    try:
        await api.until(online, 30)
        yield Host(api, made["id"], host_name, made["repository"]["id"], tmp_path, agent)
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(20) == 0, (tmp_path / "agent.log").read_text()


async def test_a_backup_makes_a_snapshot_and_recovers_its_alert(api, host, tmp_path):
    missing = tmp_path / "comes later"
    group = await host.group("mail", missing)
    failed = await host.run(group)
    assert (failed["status"], failed["error_class"]) == ("failed", "source_missing")
    alert = await host.alert("mail")
    assert "source path missing" in alert["title"]

    missing.mkdir()
    (missing / "letter").write_text("hello")
    job = await host.run(group)
    assert (job["status"], job["error_class"]) == ("succeeded", None)
    assert job["summary"]["snapshot_id"]

    async def resolved():
        return (await api.get(f"/alerts/{alert['id']}"))["resolution"]

    assert await api.until(resolved) == "auto"
    assert f"keepwatch-{group}" in host.restic("snapshots").stdout
    shown = await api.get(f"/source-groups/{group}")
    assert shown["last_success_at"]
    assert shown["last_job"]["id"] == job["id"]
    status, log = await api.call("GET", f"/jobs/{job['id']}/log")
    assert status == 200
    assert log


async def test_some_paths_missing_is_a_warning_with_a_snapshot(host, tmp_path):
    group = await host.group("half", tmp_path / "sources", tmp_path / "gone")

    job = await host.run(group)

    assert (job["status"], job["error_class"]) == ("warning", "source_missing")
    assert job["summary"]["snapshot_id"]
    assert (await host.alert("half"))["kind"] == "backup_warning"


async def test_unreadable_files_are_a_warning_with_a_snapshot(host, tmp_path):
    # Root reads everything but this: reading one's own memory at address 0 is an error for anybody.
    group = await host.group("odd", tmp_path / "sources", Path("/proc/self/mem"))

    job = await host.run(group)

    assert (job["status"], job["error_class"]) == ("warning", "source_unreadable")
    assert job["summary"]["snapshot_id"]
    alert = await host.alert("odd")
    assert alert["title"] == f"{host.name} / odd: saved, 1 file unreadable"


@asynccontextmanager
async def exclusive_lock(host):
    """Somebody's `restic check` that takes its time."""
    lock = await asyncio.create_subprocess_exec(
        RESTIC, "--repo", host.repository, "--password-file", host.folder / "password",
        "--limit-download=1", "check", "--read-data",
        env={"PATH": "/usr/bin:/bin", "HOME": str(host.folder)}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    while not list((host.repository / "locks").iterdir()):
        assert lock.returncode is None, "check ended before it was seen to hold its lock"
        await asyncio.sleep(0.001)
    try:
        yield
    finally:
        assert lock.returncode is None, "check ended while its lock was needed"
        lock.kill()  # throttled as it is, it would take minutes to end by itself
        await lock.wait()
        host.restic("unlock", "--remove-all")


async def test_locked_wrong_password_and_gone_are_three_different_alerts(api, host, tmp_path):
    (tmp_path / "sources" / "noise").write_bytes(os.urandom(2_000_000))
    group = await host.group("etc", tmp_path / "sources")
    assert (await host.run(group))["status"] == "succeeded"

    async with exclusive_lock(host):
        locked = await host.run(group)
    assert (locked["status"], locked["error_class"]) == ("failed", "locked")
    first = await host.alert("etc")
    assert "repository locked" in first["title"]

    await api.call("PATCH", f"/repositories/{host.repository_id}", {"password": "not this one"})
    wrong = await host.run(group)
    assert (wrong["status"], wrong["error_class"]) == ("failed", "wrong_password")
    second = await host.alert("etc", "password")
    await api.call("PATCH", f"/repositories/{host.repository_id}", {"password": PASSWORD})

    host.repository.rename(tmp_path / "unmounted")
    gone = await host.run(group)
    assert (gone["status"], gone["error_class"]) == ("failed", "repo_missing")
    third = await host.alert("etc", "missing")
    assert not host.repository.exists(), "a repository that is gone is not created anew"

    assert first["id"] == second["id"] == third["id"]
    assert len({alert["title"] for alert in (first, second, third)}) == 3
    assert len({alert["hint"] for alert in (first, second, third)}) == 3


async def test_forget_prune_and_check(api, host, tmp_path):
    group = await host.group("etc", tmp_path / "sources", retention={"keep_last": 1})
    other = await host.group("mail", tmp_path / "sources")
    host_snapshots = [await host.run(group), await host.run(group), await host.run(other), await host.run(other)]
    assert {job["status"] for job in host_snapshots} == {"succeeded"}
    host.restic("backup", "--host", host.name, str(tmp_path / "sources"))  # untagged: somebody's own

    for kind in ("forget", "prune", "check"):
        job = await host.job(kind)
        assert (job["status"], job["source_group_id"]) == ("succeeded", None), job["message"]

    snapshots = host.restic("snapshots", "--json").stdout
    assert snapshots.count(f"keepwatch-{group}") == 1
    assert snapshots.count(f"keepwatch-{other}") == 2
    assert snapshots.count('"short_id"') == 4


async def test_an_offline_host_s_job_waits_and_can_be_cancelled(api, host_name):
    made = await api.post("/hosts", {"name": host_name, "repository": {"url": "/nowhere", "password": "x"}})
    group = await api.post(f"/hosts/{made['id']}/source-groups", {"name": "etc", "paths": ["/etc"]})
    job = await api.post(f"/source-groups/{group['id']}/run", expect=202)
    assert job["status"] == "queued"
    assert "waiting for the agent" in job["message"]

    status, problem = await api.call("POST", f"/source-groups/{group['id']}/run")
    assert (status, problem["job_id"]) == (409, job["id"])
    await api.post(f"/jobs/{job['id']}/cancel", expect=202)
    assert (await api.get(f"/jobs/{job['id']}"))["status"] == "cancelled"
    status, _ = await api.call("POST", f"/jobs/{job['id']}/cancel")
    assert status == 409


async def test_a_connected_host_is_heard_again_and_again(api, host):
    """What hosts are online by, and alerts of silence are judged by."""
    seen = set()

    async def heard_three_times():
        seen.add((await api.get(f"/hosts/{host.id}"))["last_seen_at"])
        return len(seen) >= 4

    await api.until(heard_three_times, 75)
    assert (await api.get(f"/hosts/{host.id}"))["status"] == "online"


async def test_no_password_anywhere(api, host, keepwatch, tmp_path):
    """Not in the database, the stream, the logs or the process list, after and during a run."""
    big = tmp_path / "big"
    big.mkdir()
    for number in range(40):
        (big / f"file {number}").write_bytes(uuid4().bytes * 65536)
    group = await host.group("big", big)
    running = asyncio.create_task(host.run(group))
    seen = ""
    while not running.done():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen += process.read_text(errors="replace")
            except OSError:
                continue
        await asyncio.sleep(0.01)
    assert (await running)["status"] == "succeeded"

    assert PASSWORD not in seen
    assert PASSWORD not in keepwatch.logs()
    assert PASSWORD not in (tmp_path / "agent.log").read_text()
    dump = subprocess.run(
        ["grep", "-rlaF", PASSWORD, str(keepwatch.folder), str(tmp_path / "state")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert dump.stdout == "", "the stream's files or the agent's state hold it"
    assert PASSWORD.encode() not in await everything_in(keepwatch.environ["KEEPWATCH_DATABASE_URL"])


async def everything_in(database_url: str) -> bytes:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('jobs', 'alerts', 'notifier', 'api')"
    )
    text = [
        str(await connection.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table['name']} AS t")) for table in tables
    ]
    await connection.close()
    assert len(text) > 15
    return "\n".join(text).encode()
