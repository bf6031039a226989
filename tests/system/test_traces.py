"""One trace for one failure: from the request through NATS to the delivery, told to a collector."""

import asyncio
import json
import socket
import time
from uuid import uuid4

import nats
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.installation import Api, free_port, planned, receiving

SERVICES = ("jobs", "alerts", "notifier", "api")
SPANS = 8


@pytest.fixture
async def collector():
    """An OpenTelemetry collector: its address, and the spans it was told with their services."""
    spans = []

    async def receive(request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            spans.extend((about["service.name"], span) for scope in resource.scope_spans for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}", spans
    await runner.cleanup()


@pytest.fixture
def silent():
    """The port of somebody who takes calls and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def traced(infra, empty_database_of, tmp_path, collector):
    """An installation that tells the collector."""
    address, _ = collector
    with infra.empty_nats(tmp_path) as nats_url:
        (tmp_path / "logs").mkdir()
        installation = planned(tmp_path / "logs", empty_database_of(), nats_url)
        installation.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        installation.migrate()
        for service in SERVICES:
            installation.start(service)
        yield installation
        installation.stop()


async def test_one_failure_is_one_trace_from_the_request_to_the_delivery(traced, collector, http, host_name):
    await asyncio.to_thread(traced.wait_ready)
    api, (_, spans) = Api(http, traced.url, traced.admin_token), collector
    client = await nats.connect(traced.environ["KEEPWATCH_NATS_URL"])
    announced = await client.subscribe("alert.raised")
    job = uuid4()
    async with receiving(api) as receiver:
        await api.report(host_name, "mail", "failed", id=str(job))
        await api.until(lambda: _heard(receiver, host_name))
        message = await announced.next_msg(timeout=10)
        found = await api.until(lambda: _whole(spans, job))
    await client.close()

    told = {span.name: (service, span) for service, span in found}
    assert {name: service.removeprefix("keepwatch-") for name, (service, _) in told.items()} == {
        f"backup on {host_name}": "jobs",
        "POST /api/v1/job-reports": "api",
        "jobs: commit the end": "jobs",
        "publish job.finished": "jobs",
        "alerts: weigh": "alerts",
        "publish alert.raised": "alerts",
        "notifier: fan out": "notifier",
        "notifier: deliver": "notifier",
    }
    _, first = told.pop(f"backup on {host_name}")
    assert first.parent_span_id == b""
    assert first.span_id == job.bytes[8:]
    assert {span.parent_span_id for _, span in told.values()} == {first.span_id}
    assert message.headers["traceparent"] == f"00-{job.hex}-{job.hex[16:]}-01"
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for _, span in told.values())
    logs = [json.loads(line) for line in traced.logs().splitlines() if line.startswith("{")]
    assert any(line.get("trace_id") == job.hex and line["event"] == "tried" for line in logs)


async def test_without_a_collector_nothing_is_told(keepwatch, api, receiver, host_name):
    await api.report(host_name, "mail", "failed")
    await api.until(lambda: _heard(receiver, host_name))

    assert "opentelemetry" not in keepwatch.logs()


async def _whole(spans, job):
    found = [(service, span) for service, span in spans if span.trace_id == job.bytes]
    return found if len(found) >= SPANS else None


async def _heard(receiver, host_name: str) -> bool:
    return bool(receiver.heard(host_name))


async def test_a_collector_that_does_not_answer_holds_up_nobody(traced, silent, http, host_name):
    await asyncio.to_thread(traced.wait_ready)
    await asyncio.to_thread(traced.stop)
    traced.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{silent}"
    traced.processes.clear()
    for service in SERVICES:
        await asyncio.to_thread(traced.start, service)
    await asyncio.to_thread(traced.wait_ready)
    api = Api(http, traced.url, traced.admin_token)
    async with receiving(api) as receiver:
        await api.report(host_name, "mail", "failed")
        await api.until(lambda: _heard(receiver, host_name))
    processes, begun = list(traced.processes.values()), time.monotonic()
    await asyncio.to_thread(traced.stop)

    assert time.monotonic() - begun < 10
    assert [process.returncode for process in processes] == [0] * len(SERVICES)
