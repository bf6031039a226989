from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.api.settings import Settings
from shared.asks.ask import Page
from shared.asks.hosts import DeleteHost, ListHosts

TOKENS, USERS = "/api/v1/tokens", "/api/v1/users"


@pytest.fixture
def token_of(gateway):
    """Makes an API token of this role."""

    async def make(role: str, **more) -> str:
        made = await gateway.call("POST", TOKENS, json={"name": role, "role": role, **more}, status=201)
        return made.body["token"]

    return make


async def test_a_token_is_shown_once_and_says_who_it_is(gateway):
    made = await gateway.call("POST", TOKENS, json={"name": "ci", "role": "operator"}, status=201)
    listed = await gateway.call("GET", TOKENS, status=200)
    me = await gateway.call("GET", "/api/v1/me", token=made.body["token"], status=200)

    assert made.body["token"] not in str(listed.body)
    assert {"ci"} < {each["name"] for each in listed.body["items"]}
    assert (me.body["kind"], me.body["name"], me.body["role"]) == ("token", "ci", "operator")


async def test_only_a_digest_of_a_token_is_stored(gateway, pool, token_of):
    token = await token_of("viewer")

    assert await pool.fetchval("SELECT count(*) FROM api.token WHERE token::text LIKE '%' || $1 || '%'", token) == 0


async def test_roles(gateway, bus, token_of):
    await bus.answer(ListHosts, Page(items=[]))
    await bus.answer(DeleteHost, None)
    viewer, operator, admin = await token_of("viewer"), await token_of("operator"), await token_of("admin")
    ack = f"/api/v1/alerts/{uuid4()}/ack"

    for token in (viewer, operator, admin):
        await gateway.call("GET", "/api/v1/hosts", token=token, status=200)
    await gateway.call("POST", ack, token=viewer, status=403)
    await gateway.call("POST", ack, token=operator, status=503)  # let in; alerts is away
    for token in (viewer, operator):
        await gateway.call("DELETE", f"/api/v1/hosts/{uuid4()}", token=token, status=403)
        await gateway.call("POST", TOKENS, token=token, json={"name": "x", "role": "admin"}, status=403)
    await gateway.call("DELETE", f"/api/v1/hosts/{uuid4()}", token=admin, status=204)


async def test_a_deleted_token_and_one_that_has_ended_are_401(gateway, pool, token_of):
    made = await gateway.call("POST", TOKENS, json={"name": "x", "role": "viewer"}, status=201)
    await gateway.call("DELETE", f"{TOKENS}/{made.body['id']}", status=204)
    ended = await token_of("viewer", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    await pool.execute("UPDATE api.token SET expires_at = now() WHERE expires_at IS NOT NULL")

    await gateway.call("GET", "/api/v1/me", token=made.body["token"], status=401)
    await gateway.call("GET", "/api/v1/me", token=ended, status=401)
    await gateway.call("DELETE", f"{TOKENS}/{made.body['id']}", status=404)


async def test_the_environments_token_is_changed_there_and_not_revoked_here(gateway):
    """It would be back at the next start, and whoever stole it with it."""
    (token,) = (await gateway.call("GET", TOKENS, status=200)).body["items"]

    answer = await gateway.call("DELETE", f"{TOKENS}/{token['id']}", status=409)

    assert "KEEPWATCH_ADMIN_TOKEN" in answer.body["detail"]
    await gateway.call("GET", TOKENS, status=200)


@pytest.mark.parametrize(
    "end", ["2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2030-01-01T00:00:00"]
)
async def test_an_end_in_the_past_or_beyond_all_time_is_422(gateway, end):
    body = {"name": "x", "role": "viewer", "expires_at": end}
    answer = await gateway.call("POST", TOKENS, json=body, status=422)

    assert answer.body["errors"][0]["pointer"] == "/expires_at"


async def test_lists_go_on_where_the_page_before_ended(gateway, token_of):
    for _ in range(4):
        await token_of("viewer")
    first = await gateway.call("GET", f"{TOKENS}?limit=3", status=200)
    second = await gateway.call("GET", f"{TOKENS}?limit=3&cursor={first.body['next_cursor']}", status=200)

    ids = [each["id"] for each in first.body["items"] + second.body["items"]]
    assert len(set(ids)) == len(ids) == 5  # four and the environment's
    assert second.body["next_cursor"] is None
    await gateway.call("GET", f"{TOKENS}?cursor=nonsense", status=422)


async def test_users_have_names_of_their_own_whatever_the_case(gateway):
    body = {"name": "Jana", "role": "viewer", "password": "a long password"}
    made = await gateway.call("POST", USERS, json=body, status=201)
    taken = await gateway.call("POST", USERS, json=body | {"name": "jana"}, status=409)

    assert taken.body["existing_id"] == made.body["id"]
    assert "password" not in made.body


async def test_the_last_administrator_stays(gateway):
    (admin,) = (await gateway.call("GET", USERS, status=200)).body["items"]
    path = f"{USERS}/{admin['id']}"
    await gateway.call("DELETE", path, status=409)
    await gateway.call("PATCH", path, json={"role": "viewer"}, status=409)

    body = {"name": "second", "role": "admin", "password": "a long password"}
    await gateway.call("POST", USERS, json=body, status=201)
    await gateway.call("PATCH", path, json={"role": "viewer"}, status=200)
    await gateway.call("DELETE", path, status=204)
    await gateway.call("DELETE", path, status=404)


@pytest.mark.parametrize("change", [{"name": None}, {"role": None}, {"password": "short"}, {"colour": "red"}])
async def test_changes_of_users_are_checked(gateway, change):
    (admin,) = (await gateway.call("GET", USERS, status=200)).body["items"]
    answer = await gateway.call("PATCH", f"{USERS}/{admin['id']}", json=change, status=422)

    assert answer.body["errors"][0]["pointer"] == "/" + next(iter(change))


async def test_the_environments_token_and_password_may_change(bus, start_gateway, settings: Settings):
    async with start_gateway() as gateway:
        await gateway.call("GET", "/api/v1/me", status=200)
    async with start_gateway(admin_token="kw_another-admin-token") as gateway:
        await gateway.call("GET", "/api/v1/me", status=401)
        me = await gateway.call("GET", "/api/v1/me", token="kw_another-admin-token", status=200)

    assert me.body["role"] == "admin"
