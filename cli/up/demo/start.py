"""Sets the demo up and shows what to try."""

import asyncio
import shutil
from contextlib import suppress
from typing import Any

import aiohttp

from cli.client.api import Api
from cli.client.problems import ApiProblem
from cli.up.child import StartError
from cli.up.demo import inbox
from cli.up.demo.agents import Agents
from cli.up.demo.fleet import BROKEN_GROUPS, BROKEN_HOST, DemoFolder
from cli.up.demo.lines import paste_lines
from cli.up.demo.objects import Objects
from cli.up.processes import Processes
from cli.up.screen import Screen
from cli.up.supervisor import Supervisor

NO_RESTIC = "restic is not installed (Debian, Ubuntu: apt install restic): the demo archives with tar instead."
CONFLICT = 409
LONGEST_WAIT_SECONDS = 60


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
            await _broken_ones_are_known(api, hosts[BROKEN_HOST])
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


async def _broken_ones_are_known(api: Api, host: str) -> None:
    """Wait until the broken backups have ended and are alerts, so that the lines to paste find what they speak of."""
    groups = await api.newest(f"/hosts/{host}/source-groups")
    broken = [group["id"] for group in groups if group["name"] in BROKEN_GROUPS]
    unfinished = {"source_group_id": broken, "status": ["queued", "dispatched", "running"]}
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            while await api.newest("/jobs", unfinished) or not await _alerts(api, broken):  # noqa: ASYNC110  only asking tells
                await asyncio.sleep(0.3)


async def _alerts(api: Api, groups: list[str]) -> list[dict[str, Any]]:
    return await api.newest("/alerts", {"source_group_id": groups, "state": "unresolved"})
