"""The agent as a program of its own, against a gateway that may vanish, repeat itself, or lie."""

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from shared.agent_protocol import REPLACED, Config, JobCancel, JobRun, RepositorySpec, SourceGroupSpec

from .gateway import TOKEN, Gateway

PASSWORD = "correct horse battery"
SLEEP = "/bin/sleep"


@pytest.fixture
async def gateway():
    gateway = await Gateway().start()
    yield gateway
    await gateway.stop()


class Agent:
    """Starts `keepwatch agent` as often as wanted on one state folder."""

    def __init__(self, gateway, root, restic):
        self.gateway, self.root = gateway, root
        self.env = {"PATH": os.environ["PATH"], "KEEPWATCH_AGENT_TOKEN": TOKEN, "KEEPWATCH_LOG_LEVEL": "debug"}
        self.env["KEEPWATCH_AGENT_RESTIC"] = restic or "no-such-restic"
        self.env["KEEPWATCH_AGENT_REPOSITORIES"] = str(root / "repositories")
        self.process = None
        self.log = root / "agent.log"

    async def start(self, *flags):
        hellos = len(self.gateway.find("hello"))
        await self.spawn(*flags)
        return await self.gateway.heard("hello", hellos + 1)

    async def spawn(self, *flags):
        argv = ["-m", "cli.main", "agent", f"--server={self.gateway.url}", f"--state-dir={self.root}/state", *flags]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(sys.executable, *argv, env=self.env, stderr=log)

    async def end(self, number=signal.SIGTERM):
        if self.process and self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.wait(), 30)
        return self.process and self.process.returncode


@pytest.fixture
async def agent(gateway, tmp_path):
    agent = Agent(gateway, tmp_path, None)
    yield agent
    await agent.end(signal.SIGKILL)


@pytest.fixture
async def restic_agent(agent, newest_restic):
    agent.env["KEEPWATCH_AGENT_RESTIC"] = newest_restic
    return agent


def command(*argv):
    group = SourceGroupSpec(id=uuid4(), name="mail", paths=[], command=list(argv))
    return JobRun(job_id=uuid4(), kind="backup", engine="command", source_group=group)


def backup(root, **repository):
    (root / "mail").mkdir(exist_ok=True)
    (root / "mail/file").write_text("hello")
    group = SourceGroupSpec(id=uuid4(), name="mail", paths=[str(root / "mail")])
    values = {"id": uuid4(), "url": str(root / "repository"), "password": PASSWORD} | repository
    return JobRun(
        job_id=uuid4(), kind="backup", host_name="web-01", source_group=group, repository=RepositorySpec(**values)
    )


async def test_a_backup_from_hello_to_its_acknowledgement(gateway, restic_agent, tmp_path):
    hello = await restic_agent.start()
    assert (hello["protocol"], hello["engines"], hello["running"], hello["spooled"]) == (1, ["restic"], [], [])
    assert hello["restic_version"].startswith("0.")

    job = backup(tmp_path)
    await gateway.send(job)

    await gateway.heard("job.started", job_id=job.job_id)
    finished = await gateway.heard("job.finished", job_id=job.job_id)
    assert (finished["status"], len(finished["restic_id"])) == ("succeeded", 64)
    log = "".join(frame["text"] for frame in gateway.find("job.log", job_id=job.job_id))
    assert f"--tag=keepwatch-{job.source_group.id}" in log


async def test_no_secret_is_on_the_disk_or_in_what_is_sent_or_logged(gateway, restic_agent, tmp_path):
    await restic_agent.start()
    ours, wrong = backup(tmp_path), backup(tmp_path, password="the wrong password")
    cloud = backup(
        tmp_path, url="rest:http://user:s3cr3t-in-url@127.0.0.1:1/x", env={"AWS_SECRET_ACCESS_KEY": "envs3cr3t"}
    )
    for job in (ours, cloud, wrong):
        await gateway.send(job)
    await gateway.send(JobCancel(job_id=cloud.job_id))
    for job in (ours, cloud, wrong):
        await gateway.heard("job.finished", job_id=job.job_id)
    await restic_agent.end()

    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    everything = b"\n".join(path.read_bytes() for path in [*files, restic_agent.log]) + str(gateway.frames).encode()
    for secret in (PASSWORD, "the wrong password", "s3cr3t-in-url", "envs3cr3t"):
        assert secret.encode() not in everything
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in [tmp_path / "state", tmp_path / "state/logs"])


async def test_a_missing_restic_is_told_at_hello_and_fails_its_jobs(gateway, agent, tmp_path):
    hello = await agent.start()
    assert (hello["restic_version"], hello["engines"]) == (None, [])

    job = backup(tmp_path)
    await gateway.send(job)

    assert (await gateway.heard("job.finished", job_id=job.job_id))["error_class"] == "restic_missing"


async def test_heartbeats_come_as_often_as_the_server_wants(gateway, agent):
    await agent.start()
    await gateway.send(Config(heartbeat_seconds=1))

    await gateway.heard("heartbeat", 2)


async def test_an_end_state_is_told_until_it_is_acknowledged_under_one_id(gateway, agent):
    gateway.acks = False
    await agent.start("--allow-command=/bin/true")
    job = command("/bin/true")
    await gateway.send(job)
    first = await gateway.heard("job.finished", job_id=job.job_id)

    await agent.end(signal.SIGKILL)
    hello = await agent.start("--allow-command=/bin/true")
    second = await gateway.heard("job.finished", 2, job_id=job.job_id)

    assert hello["spooled"] == [str(job.job_id)]
    assert (second["id"], second["finished_at"]) == (first["id"], first["finished_at"])
    assert second["sent_at"] > first["sent_at"]

    gateway.acks = True
    await gateway.hang_up()
    await gateway.heard("job.finished", 3, job_id=job.job_id)
    await gateway.hang_up()
    await gateway.until(lambda: gateway.find("hello", connection=gateway.connections, spooled=[]))


async def test_a_repeated_job_runs_once_also_after_a_restart(gateway, agent, tmp_path):
    script = tmp_path / "count"
    script.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/runs\n")
    script.chmod(0o755)
    flag = f"--allow-command={script}"
    await agent.start(flag)
    job = command(str(script))
    for _ in range(3):
        await gateway.send(job)
    await gateway.heard("job.finished", job_id=job.job_id)
    ends = len(gateway.find("job.finished", job_id=job.job_id))

    await gateway.send(job)
    await gateway.heard("job.finished", ends + 1, job_id=job.job_id)
    await agent.end()
    await agent.start(flag)
    ends = len(gateway.find("job.finished", job_id=job.job_id))
    await gateway.send(job)
    await gateway.heard("job.finished", ends + 1, job_id=job.job_id)

    assert (tmp_path / "runs").read_text() == "ran\n"
    assert len({frame["id"] for frame in gateway.find("job.finished")}) == 1


async def test_a_running_job_is_announced_again_when_it_is_repeated_and_after_a_break(gateway, agent):
    await agent.start(f"--allow-command={SLEEP}")
    job = command(SLEEP, "600")
    await gateway.send(job)
    await gateway.heard("job.started", job_id=job.job_id)

    await gateway.send(job)
    await gateway.heard("job.started", 2, job_id=job.job_id)
    await gateway.hang_up()
    hello = await gateway.heard("hello", 2)
    again = await gateway.heard("job.log", job_id=job.job_id, connection=2)

    assert hello["running"] == [str(job.job_id)]
    assert (again["offset"], again["text"]) == (0, f"$ {SLEEP} 600\n")


async def test_a_cancelled_job_ends_and_its_program_with_it(gateway, agent):
    await agent.start(f"--allow-command={SLEEP}")
    job = command(SLEEP, "601")
    await gateway.send(job)
    await gateway.heard("job.started", job_id=job.job_id)

    await gateway.send(JobCancel(job_id=job.job_id))

    finished = await gateway.heard("job.finished", job_id=job.job_id)
    assert (finished["status"], finished["error_class"]) == ("cancelled", None)
    assert not running([SLEEP, "601"])


async def test_a_job_that_is_cancelled_before_it_came_never_runs(gateway, agent):
    await agent.start(f"--allow-command={SLEEP}")
    job = command(SLEEP, "602")
    await gateway.send(JobCancel(job_id=job.job_id))
    await gateway.heard("job.finished", job_id=job.job_id, status="cancelled")

    await gateway.send(job)

    await gateway.heard("job.finished", 2, job_id=job.job_id, status="cancelled")
    assert not gateway.find("job.started")


async def test_sigterm_ends_restic_cleanly_and_the_job_is_interrupted(gateway, restic_agent, tmp_path):
    await restic_agent.start()
    first = backup(tmp_path)
    await gateway.send(first)
    await gateway.heard("job.finished", job_id=first.job_id, status="succeeded")
    # Sparse, and large enough to keep restic busy for minutes.
    with (tmp_path / "mail/large").open("wb") as file:
        file.truncate(200 * 1024**3)
    job = backup(tmp_path)
    await gateway.send(job)
    locks = tmp_path / "repository/locks"
    await gateway.heard("job.progress", job_id=job.job_id)
    assert any(locks.iterdir())

    assert await restic_agent.end() == 0

    finished = await gateway.heard("job.finished", job_id=job.job_id)
    assert (finished["status"], finished["error_class"]) == ("failed", "interrupted")
    assert not any(locks.iterdir())


async def test_a_job_that_the_agent_died_under_is_interrupted_and_not_run_again(gateway, agent):
    await agent.start(f"--allow-command={SLEEP}")
    job = command(SLEEP, "603")
    await gateway.send(job)
    await gateway.heard("job.started", job_id=job.job_id)
    await agent.end(signal.SIGKILL)

    hello = await agent.start(f"--allow-command={SLEEP}")
    assert (hello["running"], hello["spooled"]) == ([], [])
    await gateway.send(job)

    finished = await gateway.heard("job.finished", job_id=job.job_id)
    assert (finished["status"], finished["error_class"]) == ("failed", "interrupted")
    assert len(gateway.find("job.started")) == 1
    assert not running([SLEEP, "603"])


async def test_it_comes_back_after_the_server_was_away(gateway, agent):
    await agent.start()
    await gateway.stop()
    await gateway.start()

    await gateway.heard("hello", 2)


async def test_a_refused_token_does_not_end_the_agent(gateway, agent):
    gateway.accepts = False
    await agent.spawn()

    await gateway.until(lambda: gateway.refused)

    assert agent.process.returncode is None
    assert await agent.end() == 0
    assert "the server refuses this token" in agent.log.read_text()
    assert TOKEN not in agent.log.read_text()


async def test_a_replaced_agent_stands_back(gateway, agent):
    await agent.start()
    await gateway.hang_up(REPLACED)

    assert await agent.end() == 0
    assert gateway.connections == 1


async def test_a_second_agent_on_one_state_folder_is_refused(gateway, agent, tmp_path):
    await agent.start()
    second = Agent(gateway, tmp_path, None)
    second.log = tmp_path / "second.log"
    await second.spawn()

    assert await asyncio.wait_for(second.process.wait(), 30) == 1
    assert second.log.read_text() == f"Error: --state-dir: another agent already uses {tmp_path}/state.\n"


async def test_a_repository_whose_secrets_stay_on_the_host(gateway, restic_agent, tmp_path):
    await restic_agent.start()
    job = backup(tmp_path, source="host", password=None, url="shown-only")
    folder = tmp_path / "repositories"
    folder.mkdir()
    file = folder / f"{job.repository.id}.env"
    file.touch(mode=0o600)
    file.write_text(f"# ours\nRESTIC_REPOSITORY={tmp_path}/repository\nRESTIC_PASSWORD={PASSWORD}\n")
    await gateway.send(job)
    assert (await gateway.heard("job.finished", job_id=job.job_id))["status"] == "succeeded"

    file.chmod(0o644)
    open_to_all = job.model_copy(update={"job_id": uuid4()})
    await gateway.send(open_to_all)
    finished = await gateway.heard("job.finished", job_id=open_to_all.job_id)
    assert (finished["error_class"], "0600" in finished["message"]) == ("not_allowed", True)


async def test_a_spool_that_cannot_be_read_is_set_aside(gateway, agent, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/spool.db").write_bytes(b"this is no database" * 100)

    await agent.start()

    assert list((tmp_path / "state").glob("spool.broken-*"))
    with sqlite3.connect(tmp_path / "state/spool.db") as database:
        assert database.execute("SELECT count(*) FROM job").fetchone() == (0,)
    database.close()


def running(argv):
    """Whether a process with this command line lives."""
    wanted = b"\0".join(word.encode() for word in argv) + b"\0"
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if _cmdline(path) == wanted]


def _cmdline(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
