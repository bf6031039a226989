"""Somebody outside is told that all is well only while it is, and the address is told to nobody."""

from datetime import timedelta

import pytest
from aiohttp import web

from services.notifier.audit import Audit
from services.notifier.canary import Watch
from services.notifier.ping import AUDIT_LASTS, Ping
from shared.clock import utc_now


@pytest.fixture
async def outside():
    """A health check service: the paths that were called, and how it answers."""

    class Outside:
        calls: list[str]
        status = 200

    kept = Outside()
    kept.calls = []

    async def called(request: web.Request) -> web.Response:
        kept.calls.append(request.path)
        return web.Response(status=kept.status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_get("/{path:.*}", called)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/secret"
    yield kept
    await runner.cleanup()


@pytest.fixture
def ping(notifier, outside):
    """A ping of a process in which all is well."""
    canary, audit = Watch(notifier.pool, notifier.sealer, timedelta(seconds=300)), Audit(notifier.pool, None)
    canary.arrived_lately, audit.clean_at = True, utc_now()
    return Ping(notifier.lines.kept, outside.url, canary, audit)


async def test_all_is_well_is_said(ping, outside):
    await ping.call()

    assert outside.calls == ["/secret"]


async def test_nothing_is_said_while_no_canary_arrives(ping, outside):
    ping.canary.arrived_lately = False
    await ping.call()

    assert outside.calls == []


async def test_nothing_is_said_while_something_is_missing(ping, outside):
    ping.audit.clean_at = None
    await ping.call()

    assert outside.calls == []


async def test_nothing_is_said_when_nobody_has_looked_lately(ping, outside):
    ping.audit.clean_at = utc_now() - AUDIT_LASTS - timedelta(seconds=1)
    await ping.call()

    assert outside.calls == []


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_answer_that_is_no_thanks_changes_nothing_and_the_address_is_not_logged(
    ping, outside, status, capsys, caplog
):
    outside.status = status
    await ping.call()

    assert outside.calls == ["/secret"]
    assert "secret" not in "".join(capsys.readouterr()) + caplog.text


async def test_somebody_who_is_not_there_is_a_warning_without_the_address(ping, notifier, capsys, caplog):
    await Ping(notifier.lines.kept, "http://127.0.0.1:9/secret", ping.canary, ping.audit).call()

    written = "".join(capsys.readouterr()) + caplog.text
    assert "ping not sent" in written
    assert "secret" not in written
