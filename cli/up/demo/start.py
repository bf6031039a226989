"""Sets the demo up and shows what to try."""

import asyncio
import shutil

import aiohttp

from cli.client.api import Api
from cli.client.problems import ApiProblem
from cli.up.child import StartError
from cli.up.demo import inbox
from cli.up.demo.agents import Agents
from cli.up.demo.fleet import BROKEN_HOST, DemoFolder
from cli.up.demo.lines import paste_lines
from cli.up.demo.objects import Objects
from cli.up.processes import Processes
from cli.up.screen import Screen
from cli.up.supervisor import Supervisor

NO_RESTIC = "restic is not installed (Debian, Ubuntu: apt install restic): the demo archives with tar instead."
CONFLICT = 409


async def start_demo(api: Api, processes: Processes, supervisor: Supervisor, screen: Screen) -> None:
    """Hosts, agents and first backups; a demo that can't be set up does not end the system."""
    folder = DemoFolder(processes.folder.path / "demo", restic=shutil.which("restic") is not None)
    if not folder.restic:
        screen.say(NO_RESTIC)
    try:
        with screen.working("Setting up the demo"):
            folder.fill()
            hosts = await Objects(api, folder).hosts()
            await inbox.connect(api, folder, processes.options)
            agents = Agents(api, folder, processes)
            children = [agents.agent(name, identity) for name, identity in hosts.items()]
            await supervisor.start(*children, ready=screen.child_is_ready)
            await _run_all(api, hosts)
            await _all_ended(api)
    except (ApiProblem, StartError, OSError, aiohttp.ClientError) as error:
        screen.notice(f"The demo can't be set up: {error}")
        return
    screen.say()
    screen.say(f"Two source groups of {BROKEN_HOST} are broken. Paste these lines into another terminal;")
    screen.say(f"what a receiver gets is shown at {processes.options.url}/demo/inbox")
    for what, line in paste_lines(folder):
        screen.say(f"  {what}")
        screen.say(f"    {line}")


async def _run_all(api: Api, hosts: dict[str, str]) -> None:
    for identity in hosts.values():
        for group in await api.newest(f"/hosts/{identity}/source-groups"):
            try:
                await api.post(f"/source-groups/{group['id']}/run")
            except ApiProblem as problem:
                # A schedule, or an earlier start, was faster.
                if problem.status != CONFLICT:
                    raise


async def _all_ended(api: Api) -> None:
    """Wait until every first backup has ended, so that the lines to paste find what they speak of."""
    while await api.newest("/jobs", {"status": ["queued", "dispatched", "running"]}):  # noqa: ASYNC110  only asking tells
        await asyncio.sleep(0.5)
