"""Agents that are killed, cut off, wrong about the time or out of disk, and a gateway that dies under fifty of them."""

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from agent.app import run as run_agent
from agent.settings import AgentSettings, Pace
from tests.faults.system import running
from tests.installation import Api
from tests.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
QUICK = Pace(ping=2, tell_again=2, reconnect=0.1, reconnect_longest=0.5, refused=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory):
    async with running(tmp_path_factory.mktemp("agents")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def api(system):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Api(session, system.keepwatch.url, system.keepwatch.admin_token)


@pytest_asyncio.fixture(loop_scope="module")
async def line(system):
    """The way of agents to the first gateway."""
    async with tcp_proxy("127.0.0.1", system.keepwatch.ports["api-1"]) as found:
        yield found


@dataclass
class Host:
    """A host with one source group that a command saves, and its agent."""

    api: Api
    line: TcpProxy
    folder: Path
    id: str = ""
    group: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_agent(self, **environ: str) -> None:
        """Start it, or start it again on what it had kept."""
        command = [
            *(sys.executable, "-m", "cli.main", "agent", "--server", f"http://127.0.0.1:{self.line.port}"),
            *("--token-file", str(self.folder / "token"), "--state-dir", str(self.folder / "state")),
            *("--allow-command", "/bin/sleep"),
        ]
        with (self.folder / "agent.log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=environ or None, stdout=log, stderr=log))

    def kill_agent(self) -> None:
        """SIGKILL."""
        self.processes[-1].kill()
        self.processes[-1].wait()

    def log(self) -> str:
        """What the agent said."""
        return (self.folder / "agent.log").read_text()

    async def run(self) -> str:
        """Run its group now; the job's id."""
        return (await self.api.post(f"/source-groups/{self.group}/run", expect=202))["id"]

    async def until_job(self, job: str, *statuses: str, seconds: float = 60) -> dict:
        """The job, once it stands so."""

        async def stands():
            found = await self.api.get(f"/jobs/{job}")
            return found if found["status"] in statuses else None

        return await self.api.until(stands, seconds)


@pytest.fixture
def new_host(api, line, tmp_path):
    """Makes a host; its group runs `sleep` for so many seconds."""

    @asynccontextmanager
    async def make(name: str, seconds: str):
        folder = tmp_path / name
        folder.mkdir()
        made = await api.post("/hosts", {"name": f"{name}-{tmp_path.name}"})
        (folder / "token").write_text(made["agent_token"])
        (folder / "token").chmod(0o600)
        group = {"name": "mail", "paths": ["/etc"], "engine": "command", "command": ["/bin/sleep", seconds]}
        host = Host(api, line, folder, made["id"], (await api.post(f"/hosts/{made['id']}/source-groups", group))["id"])
        try:
            yield host
        finally:
            line.resume()
            for process in host.processes:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    return make


async def _ends_told(system, job: str) -> int:
    return await system.ask(
        f"SELECT count(*) FROM jobs.outbox WHERE subject = 'job.finished' AND payload::jsonb ->> 'job_id' = '{job}'"
    )


async def test_an_agent_killed_before_its_result_has_left_tells_it_when_it_is_back(system, new_host, line):
    async with new_host("cut-off", "2") as host:
        host.start_agent()
        job = await host.run()
        await host.until_job(job, "running")
        line.pause()
        await host.api.until(lambda: _says(host, "job finished"))
        host.kill_agent()
        line.resume()
        host.start_agent()

        assert (await host.until_job(job, "succeeded", "failed"))["status"] == "succeeded"
        assert await _ends_told(system, job) == 1


async def test_an_agent_killed_after_its_result_is_taken_and_before_it_hears_so_tells_it_again(system, new_host, line):
    async with new_host("unheard", "2") as host:
        host.start_agent()
        job = await host.run()
        await host.until_job(job, "running")
        line.hold_answers()
        await host.until_job(job, "succeeded")
        host.kill_agent()
        line.resume()
        host.start_agent()
        again = await host.run()

        await host.until_job(again, "succeeded")
        assert await _ends_told(system, job) == 1


async def test_a_gateway_killed_with_fifty_agents_on_it_costs_no_job(system, api, new_host, tmp_path):
    """Fifty real agents, all in this process; each runs a command while the gateway dies and comes back."""
    hosts, agents = [], []
    for number in range(50):
        made = await api.post("/hosts", {"name": f"many-{number}-{tmp_path.name}"})
        group = {"name": "mail", "paths": ["/etc"], "engine": "command", "command": ["/bin/sleep", "3"]}
        hosts.append((made["id"], (await api.post(f"/hosts/{made['id']}/source-groups", group))["id"]))
        settings = AgentSettings(
            server=system.keepwatch.url,
            token=made["agent_token"],
            state_dir=tmp_path / f"state-{number}",
            allow_commands=frozenset({"/bin/sleep"}),
            pace=QUICK,
        )
        agents.append(asyncio.create_task(run_agent(settings)))
    try:
        await _all_online(api, [host for host, _ in hosts])
        jobs = [(await api.post(f"/source-groups/{group}/run", expect=202))["id"] for _, group in hosts]
        await asyncio.sleep(1)
        system.kill("api-1")
        await asyncio.sleep(3)

        await _all_online(api, [host for host, _ in hosts])
        for job in jobs:
            await api.until(lambda job=job: _succeeded(api, job), 90)
            assert await _ends_told(system, job) == 1
    finally:
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)


async def _all_online(api, hosts: list[str]) -> None:
    async def online() -> bool:
        try:
            return all([(await api.get(f"/hosts/{host}"))["status"] == "online" for host in hosts])
        except (aiohttp.ClientError, AssertionError):
            return False

    await api.until(online, 60)


async def _succeeded(api, job: str) -> bool:
    try:
        found = await api.get(f"/jobs/{job}")
    except aiohttp.ClientError:
        return False
    assert found["status"] in {"queued", "dispatched", "running", "succeeded"}, found
    return found["status"] == "succeeded"


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed: apt-get install faketime")
@pytest.mark.parametrize("off", ["-10m", "+10m"])
async def test_an_agent_whose_clock_is_ten_minutes_off_says_when_things_were(system, api, new_host, off):
    async with new_host("clock", "0") as host:
        host.start_agent(LD_PRELOAD=str(FAKETIME), FAKETIME=off, FAKETIME_DONT_FAKE_MONOTONIC="1", PATH="/usr/bin:/bin")
        await api.report((await api.get(f"/hosts/{host.id}"))["name"], "mail", "failed")
        job = await host.run()
        await host.until_job(job, "succeeded")

        seconds = await system.ask(
            f"SELECT abs(extract(epoch FROM now() - evidence_at))::int FROM jobs.job WHERE id = '{job}'"
        )
        assert seconds < 60
        await api.until(lambda: _resolved(api, host.id))


async def _resolved(api, host_id: str) -> bool:
    alerts = (await api.get("/alerts", host_id=host_id))["items"]
    return [alert["state"] for alert in alerts] == ["resolved"]


async def test_an_agent_whose_disk_is_full_says_so_and_still_tells_how_its_job_ended(system, new_host):
    if shutil.which("mount") is None:
        pytest.skip("mount is not here")
    async with new_host("full", "1") as host:
        state = host.folder / "state"
        state.mkdir(mode=0o700)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(state)], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("a small disk cannot be mounted here")
        try:
            host.start_agent()
            await host.until_job(await host.run(), "succeeded")
            with pytest.raises(OSError, match="No space left"):
                _fill(state / "filler")
            job = await host.run()

            await host.until_job(job, "succeeded")
            assert host.processes[-1].poll() is None
            assert "kept in memory" in host.log()
            (state / "filler").unlink()
            await host.until_job(await host.run(), "succeeded")
            assert await _ends_told(system, job) == 1
        finally:
            host.kill_agent()
            subprocess.run(["umount", str(state)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


async def _says(host: Host, words: str) -> bool:
    return words in host.log()
