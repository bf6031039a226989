"""Stays connected to the server for ever: jittered, ever longer pauses, whatever the reason."""

import asyncio
import logging
import platform
import random
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from time import monotonic

import aiohttp
from aiohttp import ClientError, ClientSession, WSServerHandshakeError
from yarl import URL

from agent.conversation import Conversation
from agent.engines import restic_program
from agent.jobs import Jobs
from agent.settings import AgentSettings, Pace
from agent.state_folder import StateFolder
from shared.agent_protocol import REPLACED, WS_PATH, Hello
from shared.vocabulary import Engine

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 20.0
_STEADY_SECONDS = 30.0
_LONGEST_FRAME = 8 * 1024 * 1024


@dataclass
class Connection:
    """The agent's side of the line to its server."""

    settings: AgentSettings
    folder: StateFolder
    jobs: Jobs
    changed: asyncio.Event

    async def keep(self) -> None:
        """Connect and connect again until cancelled."""
        failures = 0
        async with ClientSession(trust_env=True, timeout=aiohttp.ClientTimeout(total=None)) as session:
            while True:
                began = monotonic()
                refused = await self._once(session)
                failures = 0 if monotonic() - began > _STEADY_SECONDS else failures + 1
                pause = pause_after(failures, self.settings.pace, refused=refused)
                logger.info("connecting again", extra={"in_seconds": f"{pause:.1f}"})
                await asyncio.sleep(pause)

    async def _once(self, session: ClientSession) -> bool:
        """One connection from beginning to end; True if there is no point in coming back soon."""
        try:
            return await self._talk(session)
        except WSServerHandshakeError as error:
            return _explain_refusal(error)
        except (ClientError, OSError, TimeoutError) as error:
            logger.warning("no connection", extra={"server": self.settings.server, "reason": error or repr(error)})
            return False
        except Exception:
            logger.exception("the connection ended by a fault of the agent")
            return False

    async def _talk(self, session: ClientSession) -> bool:
        found = await restic_program.installed(self.settings.restic, self.folder)
        async with asyncio.timeout(_CONNECT_SECONDS):
            socket = await session.ws_connect(
                URL(self.settings.server.rstrip("/") + WS_PATH),
                headers={"Authorization": f"Bearer {self.settings.token}"},
                heartbeat=self.settings.pace.ping,
                max_msg_size=_LONGEST_FRAME,
                ssl=self._tls(),
            )
        async with socket:
            logger.info("connected", extra={"server": self.settings.server})
            code = await Conversation(socket, self.jobs, self.changed, self.settings.pace.tell_again).hold(
                self._hello(found)
            )
        logger.warning("disconnected", extra={"code": code})
        if code == REPLACED:
            logger.error("another agent uses this host's token; this one stands back")
        return code == REPLACED

    def _tls(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.settings.ca_file) if self.settings.ca_file else True

    def _hello(self, found: restic_program.Installed | None) -> Hello:
        engines = [Engine.RESTIC] if found else []
        if self.settings.allow_commands:
            engines.append(Engine.COMMAND)
        return Hello(
            agent_version=version("keepwatch"),
            restic_version=found.version if found else None,
            os=system(),
            engines=engines,
            running=list(self.jobs.running),
            spooled=[job.job_id for job in self.jobs.spool.spooled()],
            sent_at=datetime.now(UTC),
        )


def pause_after(failures: int, pace: Pace, *, refused: bool) -> float:
    """Seconds to wait: growing, and never the same for two agents, so that a fleet does not come back as one."""
    if refused:
        return pace.refused * random.uniform(1.0, 2.0)  # noqa: S311  jitter, no secret
    longest = min(pace.reconnect * 2.0 ** min(failures, 16), pace.reconnect_longest)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  as above


def system() -> str:
    """The operating system for people."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        name = platform.system()
    return f"{name} ({platform.release()}, {platform.machine()})"


def _explain_refusal(error: WSServerHandshakeError) -> bool:
    denied = error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    reason = "the server refuses this token" if denied else "the server does not open the agent's line"
    logger.error(reason, extra={"status": error.status})
    return denied
