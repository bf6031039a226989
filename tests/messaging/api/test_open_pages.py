import json
import re
from datetime import UTC, datetime

from standardwebhooks import Webhook

from services.api.application import MODULES
from services.api.examples import BODIES
from services.api.openapi import _bodies
from services.api.parsing import parse_body

SECRET = "whsec_" + "c2VjcmV0" * 6


async def test_health_and_metrics_need_no_token_and_name_no_host(gateway):
    await gateway.call("GET", "/healthz", token="", status=200)
    ready = await gateway.call("GET", "/readyz", token="", status=200)
    metrics = await gateway.call("GET", "/metrics", token="", status=200)

    assert ready.body == {"ready": True, "failed": {}}
    assert 'keepwatch_http_requests_total{method="GET",route="/readyz",status="200"}' in metrics.body


async def test_unknown_addresses_do_not_become_labels(gateway):
    await gateway.call("GET", "/api/v1/secret-host-name", status=404)
    metrics = await gateway.call("GET", "/metrics", token="", status=200)

    assert "secret-host-name" not in metrics.body


async def test_the_description_names_every_route_and_resolves_its_references(gateway):
    document = (await gateway.call("GET", "/schema/openapi.json", token="", status=200)).body

    assert document["openapi"] == "3.1.0"
    assert {"/api/v1/hosts", "/api/v1/jobs/{job_id}/log", "/api/v1/events"} < set(document["paths"])
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    posts = [each["post"] for each in document["paths"].values() if "post" in each]
    bodies = [post["requestBody"]["content"]["application/json"] for post in posts if "requestBody" in post]
    assert all("example" in body for body in bodies)


async def test_the_examples_are_valid(gateway):
    bodies = {route.fn.__name__: _bodies(route) for module in MODULES for route in module.ROUTES}
    for name, example in BODIES.items():
        parse_body(bodies[name][-1], json.dumps(example).encode())


async def test_nothing_is_loaded_from_elsewhere(gateway):
    for path in ("/schema", "/login", "/demo/inbox"):
        page = await gateway.call("GET", path, token="", headers={"Accept": "text/html"}, status=200)
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*src="([^"]+)"|<link[^>]*href="([^"]+)"', page.body)
        assert loaded
        assert all("".join(one).startswith("/static/") for one in loaded)
    await gateway.call("GET", "/static/keepwatch.css", token="", status=200)


async def test_the_demos_inbox_tells_good_signatures_from_bad_ones(gateway, pool):
    await gateway.call("PUT", "/demo/inbox/secret", token="", json={"secret": SECRET}, status=401)
    await gateway.call("PUT", "/demo/inbox/secret", json={"secret": SECRET}, status=204)
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", now, '{"n": 1}')
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    await gateway.call("POST", "/demo/inbox", token="", data=b'{"n": 1}', headers=headers, status=204)
    await gateway.call("POST", "/demo/inbox", token="", data=b'{"n": 2}', headers=headers, status=401)
    page = await gateway.call("GET", "/demo/inbox", token="", status=200)

    assert page.body.count("signature valid") == page.body.count("signature INVALID") == 1
    assert SECRET.encode() not in await pool.fetchval("SELECT sealed FROM api.inbox_secret")


async def test_the_inbox_keeps_the_last_200_calls(gateway, pool):
    await pool.execute(
        """
        INSERT INTO api.inbox_call (webhook_id, signature_valid, body)
        SELECT 'old', true, '' FROM generate_series(1, 205)
        """
    )
    await gateway.call("POST", "/demo/inbox", token="", data=b"x", status=401)

    assert await pool.fetchval("SELECT count(*) FROM api.inbox_call") == 200


async def test_without_the_demo_there_is_no_inbox(start_gateway):
    async with start_gateway(demo=False) as gateway:
        await gateway.call("GET", "/demo/inbox", token="", status=404)
