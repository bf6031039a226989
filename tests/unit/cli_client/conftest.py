"""The outside world of the client commands: a gateway that answers with the contract's shapes and remembers."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from cli.client import COMMANDS

TOKEN = "kw_the-token"


@dataclass
class Gateway:
    """Answers each route with what was set for it; a list of answers is used up one by one, the last one stays."""

    routes: dict[tuple[str, str], list[web.Response]] = field(default_factory=dict)
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"/hosts": []})
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""

    def answers(self, method: str, path: str, *bodies: Any, status: int = 200, **headers: str) -> None:
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.routes[method, path] = [_response(status, body, kind, headers) for body in bodies or [None]]

    def raw(self, method: str, path: str, *responses: Any) -> None:
        self.routes[method, path] = list(responses)

    def writes(self) -> list[tuple[str, str, Any]]:
        return [asked for asked in self.asked if asked[0] != "GET"]

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api/v1")
        text = await request.text()
        query = {key: request.query.getall(key) for key in request.query}
        self.asked.append((request.method, path, json.loads(text) if text else query))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _response(
                401, {"title": "Unauthorized", "detail": "No valid token."}, "application/problem+json", {}
            )
        if found := self.routes.get((request.method, path)):
            answer = found.pop(0) if len(found) > 1 else found[0]
            return await answer(request) if callable(answer) else _copy(answer)
        if request.method == "GET" and path in self.lists:
            return self._page(self.lists[path], request)
        return _response(
            404, {"title": "Not found", "detail": "There is no such thing."}, "application/problem+json", {}
        )

    def _page(self, items: list[dict[str, Any]], request: web.Request) -> web.Response:
        if name := request.query.get("name"):
            items = [item for item in items if item["name"].casefold() == name.casefold()]
        start, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
        following = str(start + limit) if len(items) > start + limit else None
        page = {"items": items[start : start + limit], "next_cursor": following}
        return _response(200, page, "application/json", {})


def _response(status: int, body: Any, kind: str, headers: dict[str, str]) -> web.Response:
    text = "" if body is None else json.dumps(body)
    return web.Response(status=status, text=text, content_type=kind, headers=headers)


def _copy(answer: web.Response) -> web.Response:
    # A response can be sent once.
    kept = {name: value for name, value in answer.headers.items() if name not in {"Content-Type", "Content-Length"}}
    return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type, headers=kept)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Runs in a thread: the commands have an event loop of their own."""
    playing, loop = Gateway(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(playing), loop).result(10)
    yield playing
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _start(gateway: Gateway) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder without a profile, and an environment that says nothing of a server."""
    for name in ("KEEPWATCH_SERVER", "KEEPWATCH_TOKEN", "KEEPWATCH_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def bare(home):
    """Runs a client command, knowing no server: `bare("alerts", "list")`."""

    def run(name: str, *arguments: str, env: dict[str, str] | None = None, **more: Any) -> Result:
        command = next(command for command in COMMANDS if command.name == name)
        return CliRunner().invoke(command, arguments, env=env, **more)

    return run


@pytest.fixture
def keepwatch(gateway: Gateway, bare, monkeypatch):
    """Runs a client command against the gateway."""
    monkeypatch.setenv("KEEPWATCH_SERVER", gateway.url)
    monkeypatch.setenv("KEEPWATCH_TOKEN", TOKEN)
    return bare
