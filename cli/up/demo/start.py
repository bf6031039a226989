"""Sets the demo up and shows what to try."""

import asyncio
import shutil
from contextlib import suppress
from typing import Any

import aiohttp

from cli.client.api import Api
from cli.client.problems import ApiProblem
from cli.up.child import StartError
from cli.up.demo import history, inbox
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
            await history.record(api, folder, processes.options, hosts)
            agents = Agents(api, folder, processes)
            children = [agents.agent(name, identity) for name, identity in hosts.items()]
            await supervisor.start(*children, ready=screen.child_is_ready)
            await _run_new(api, hosts)
            broken = await _broken_ones_are_known(api, hosts[BROKEN_HOST])
    except (ApiProblem, StartError, OSError, aiohttp.ClientError) as error:
        screen.notice(f"The demo can't be set up: {error}")
        return
    screen.say()
    if broken:
        screen.say(f"Two source groups of {BROKEN_HOST} are broken. Paste these lines into another terminal;")
    else:
        screen.say("The demo goes on where it was; what is broken is shown on the alerts page, and by the last line;")
    screen.say(f"what a receiver gets is shown at {processes.options.url}/demo/inbox")
    for what, line in paste_lines(folder):
        screen.say(f"  {what}")
        screen.say(f"    {line}")


async def _run_new(api: Api, hosts: dict[str, str]) -> None:
    """Back up what never was; the rest is left to the schedules."""
    for identity in hosts.values():
        for group in await api.newest(f"/hosts/{identity}/source-groups"):
            if not await _real_jobs(api, [group["id"]]):
                await _run(api, group["id"])


async def _run(api: Api, group: str) -> None:
    try:
        await api.post(f"/source-groups/{group}/run")
    except ApiProblem as problem:
        # A schedule was faster.
        if problem.status != CONFLICT:
            raise


async def _broken_ones_are_known(api: Api, host: str) -> bool:
    """Wait for the first backups of the broken groups; whether both are alerts, as the lines to paste say."""
    groups = await api.newest(f"/hosts/{host}/source-groups")
    broken = [group["id"] for group in groups if group["name"] in BROKEN_GROUPS]
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            while await _unjudged(api, broken):  # noqa: ASYNC110  only asking tells
                await asyncio.sleep(0.3)
    return len(await api.newest("/alerts", {"source_group_id": broken, "state": "unresolved"})) == len(broken)


async def _unjudged(api: Api, groups: list[str]) -> list[dict[str, Any]]:
    """Jobs of these groups that have not ended, or that alerts has not weighed yet."""
    return [job for job in await _real_jobs(api, groups) if job["evidence"] is None]


async def _real_jobs(api: Api, groups: list[str]) -> list[dict[str, Any]]:
    """What has run of these groups, without the past that the demo was given."""
    return [job for job in await api.newest("/jobs", {"source_group_id": groups}) if job["trigger"] != "report"]
