"""The whole of Keepwatch as real processes and a receiver for its webhooks, told and watched over HTTP only."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

START_SECONDS = 60
TOP = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Keepwatch:
    """The processes of one installation; `copies` of each service, api on `url`."""

    folder: Path
    environ: dict[str, str]
    url: str
    admin_token: str
    code: Path = TOP
    """Where the program lies: another release may run beside ours."""
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def start(self, service: str, copy: int = 1) -> None:
        """Start a process of a service, and wait until it is ready."""
        name = f"{service}-{copy}"
        port = self.ports.setdefault(name, free_port())
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve", service, "--port", str(port)],
                env=self.environ,
                cwd=self.code,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def migrate(self) -> None:
        """Bring database and broker to what this release needs."""
        migrated = subprocess.run(
            [sys.executable, "-m", "cli.main", "migrate"],
            env=self.environ,
            cwd=self.code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert migrated.returncode == 0, migrated.stderr

    def kill(self, name: str) -> None:
        """End a process the hard way."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes.pop(name).wait()

    def wait_ready(self) -> None:
        """Wait until every process says so; its log is the reason when one never does."""
        deadline = time.monotonic() + START_SECONDS
        for name, process in self.processes.items():
            while not self._ready(name):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{name} is not ready: {(self.folder / f'{name}.log').read_text()[-3000:]}")
                time.sleep(0.05)

    def _ready(self, name: str) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[name]), 1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(1024).split(b"\r\n")[0]
        return False

    def stop(self) -> None:
        """Stop everything, politely first."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self) -> str:
        """Everything the processes have logged."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def planned(folder: Path, database_url: str, nats_url: str) -> Keepwatch:
    """An installation on these servers, of which nothing has been started."""
    port, admin_token = free_port(), f"kw_{secrets.token_urlsafe(32)}"
    url = f"http://127.0.0.1:{port}"
    environ = {key: value for key, value in os.environ.items() if not key.startswith("KEEPWATCH_")} | {
        "KEEPWATCH_DATABASE_URL": database_url,
        "KEEPWATCH_NATS_URL": nats_url,
        "KEEPWATCH_SECRET_KEY": secrets.token_hex(32),
        "KEEPWATCH_PUBLIC_URL": url,
        "KEEPWATCH_ADMIN_TOKEN": admin_token,
        "KEEPWATCH_ADMIN_PASSWORD": "correct horse battery staple",
        "KEEPWATCH_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "KEEPWATCH_RETRY_SCHEDULE": "0,0.2,0.5,1,2,5",
        "KEEPWATCH_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }
    return Keepwatch(folder, environ, url, admin_token, ports={"api-1": port})


@pytest.fixture(scope="session")
def keepwatch(infra, empty_database_of, tmp_path_factory) -> Iterator[Keepwatch]:
    """One installation for all system tests of this process: three copies of alerts, one of the others."""
    folder = tmp_path_factory.mktemp("keepwatch")
    with infra.empty_nats(folder) as nats_url:
        installation = planned(folder, empty_database_of(), nats_url)
        installation.migrate()
        try:
            for service in ("jobs", "notifier", "api"):
                installation.start(service)
            for copy in (1, 2, 3):
                installation.start("alerts", copy)
            installation.wait_ready()
            yield installation
        finally:
            installation.stop()


@dataclass
class Call:
    """One call of a webhook, as the receiver got it."""

    webhook_id: str
    type: str
    alert: dict[str, Any]
    actor: str | None
    note: str | None
    valid: bool


@dataclass
class Receiver:
    """Records webhooks; answers with what `answers` says, 204 otherwise."""

    url: str = ""
    secret: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
            valid = True
        except WebhookVerificationError:
            valid = False
        content = json.loads(body)
        data = content["data"]
        self.calls.append(
            Call(request.headers["webhook-id"], content["type"], data["alert"], data["actor"], data["note"], valid)
        )
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    def heard(self, host: str) -> list[tuple[str, str | None]]:
        """What was said of a host: event and source group, in order of arrival."""
        return [(c.type, c.alert["source_group_name"]) for c in self.calls if c.alert["host_name"] == host]


class Api:
    """The HTTP API with a token; a call gives the status and the parsed body."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None) -> None:
        self.session, self.url, self.token = session, url, token

    async def call(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(
            method, f"{self.url}/api/v1{path}", json=body, params=params, headers=headers
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text and "json" in response.content_type else text

    async def get(self, path: str, **params: Any) -> Any:
        status, body = await self.call("GET", path, **params)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any = None, expect: int = 201, **params: Any) -> Any:
        status, answer = await self.call("POST", path, body, **params)
        assert status == expect, answer
        return answer

    async def until(self, fact: Callable[[], Any], seconds: float = 20) -> Any:
        """Wait for a fact about the system, and give it."""
        async with asyncio.timeout(seconds):
            while not (found := await fact()):
                await asyncio.sleep(0.05)
        return found

    async def report(self, host: str, group: str | None, status: str, **fields: Any) -> None:
        """Report a job that ran outside an agent."""
        report = {"host": host, "kind": "backup", "source_group": group, "status": status} | fields
        await self.post("/job-reports", {k: v for k, v in report.items() if v is not None}, expect=202, create=1)

    async def alerts(self, host: str, **filters: Any) -> list[dict[str, Any]]:
        """The alerts of a host, newest first."""
        found = await self.get("/hosts", name=host)
        if not found["items"]:
            return []
        return (await self.get("/alerts", host_id=found["items"][0]["id"], limit=200, **filters))["items"]

    async def open_alert(self, host: str, group: str | None) -> dict[str, Any] | None:
        """The unresolved alert of a group."""
        for alert in await self.alerts(host, state="unresolved"):
            if alert["source_group_name"] == group:
                return alert
        return None


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


@pytest.fixture
def api(keepwatch: Keepwatch, http: aiohttp.ClientSession) -> Api:
    return Api(http, keepwatch.url, keepwatch.admin_token)


@contextlib.asynccontextmanager
async def receiving(api: Api, listen: str = "127.0.0.1", name: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A webhook receiver with a channel of its own, which calls it by `name`."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, listen, port).start()
    found.url = f"http://{name}:{port}/hook"
    channel = await api.post(
        "/channels", {"name": f"receiver {uuid4().hex[:8]}", "kind": "webhook", "config": {"url": found.url}}
    )
    found.secret = channel["signing_secret"]
    yield found
    await api.call("DELETE", f"/channels/{channel['id']}")
    await runner.cleanup()


@pytest.fixture
async def receiver(api: Api) -> AsyncIterator[Receiver]:
    """A webhook receiver with a channel of its own."""
    async with receiving(api) as found:
        yield found


@pytest.fixture
def host_name() -> str:
    """A name no other test uses."""
    return f"web-{uuid4().hex[:8]}"
