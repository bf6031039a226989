"""Hosts: made with a token that is shown once, changed, and deleted with all that was theirs."""

from uuid import UUID, uuid4

import asyncpg
import structlog

from services.jobs.answers import repositories
from services.jobs.answers.changes import changed, nulls_refused, violates
from services.jobs.desk import Desk
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import hosts as queries
from services.jobs.queries import outbox
from shared import cursor, tokens
from shared.asks import hosts as asks
from shared.asks.agents import AgentIdentity, AuthenticateAgent
from shared.asks.ask import Page
from shared.db import Connection, in_transaction
from shared.events import HostDeleted
from shared.refusal import Refusal

log = structlog.get_logger()
UNKNOWN_REPOSITORY = Refusal.invalid(("/repository_id", "is not a known repository"))


async def create(desk: Desk, ask: asks.CreateHost) -> asks.HostWithToken | Refusal:
    """Make a host, perhaps with its repository; the token is in this answer only."""
    body = ask.body
    if body.repository and body.repository_id:
        return Refusal.invalid(("/repository", "give either repository or repository_id"))
    if body.repository and (refusal := repositories.secrets_refused(body.repository, "/repository")):
        return refusal
    token = tokens.make(tokens.AGENT_PREFIX)
    try:
        host = await in_transaction(desk.pool, lambda tx: _insert(desk, tx, body, token))
    except asyncpg.UniqueViolationError as error:
        if violates(error, "one_host_per_name"):
            return await _name_taken(desk, body.name)
        return await repositories.name_taken(desk, _repository_name(body))
    except asyncpg.ForeignKeyViolationError:
        return UNKNOWN_REPOSITORY
    log.info("host made", host_id=str(host.id), host=host.name)
    await desk.news.host(host.id)
    return _with_token(host, token)


async def _insert(desk: Desk, tx: Connection, body: asks.HostCreate, token: str) -> asks.Host:
    repository_id = body.repository_id
    if body.repository:
        made = await repositories.insert(tx, desk.sealer, _repository_name(body), body.repository)
        repository_id = made.id
    identity = await queries.insert(
        tx, body.name, body.labels, repository_id, body.offline_after_seconds, tokens.digest(token)
    )
    return _present(await queries.find(tx, identity))


def _repository_name(body: asks.HostCreate) -> str:
    return (body.repository and body.repository.name) or body.name


def _present(host: asks.Host | None) -> asks.Host:
    if host is None:
        raise LookupError("a host was written and is not there")
    return host


def _with_token(host: asks.Host, token: str) -> asks.HostWithToken:
    return asks.HostWithToken(**dict(host), agent_token=token)


async def _name_taken(desk: Desk, name: str) -> Refusal:
    existing = await queries.id_of_name(desk.pool, name)
    return Refusal.conflict(f"There is a host named {name!r} already.", existing_id=str(existing))


async def list_by_name(desk: Desk, ask: asks.ListHosts) -> Page[asks.Host] | Refusal:
    """A page of hosts."""
    after = cursor.decode_name(ask.cursor)
    if isinstance(after, Refusal):
        return after
    if wrong := [label for label in ask.labels if "=" not in label]:
        return Refusal.invalid(("/label", f"{wrong[0]!r} is not of the form key=value"))
    found = await queries.by_name(desk.pool, ask, after)
    return cursor.page(found, ask.limit, lambda host: (host.name,))


async def get(desk: Desk, ask: asks.GetHost) -> asks.Host | Refusal:
    """One host."""
    return await queries.find(desk.pool, ask.id) or Refusal.not_found("host")


async def patch(desk: Desk, ask: asks.PatchHost) -> asks.Host | Refusal:
    """Change a host."""
    if refusal := nulls_refused(ask.changes, {"repository_id", "offline_after_seconds"}):
        return refusal
    try:
        host = await in_transaction(desk.pool, lambda tx: _change(tx, ask.id, ask.changes))
    except asyncpg.UniqueViolationError:
        return await _name_taken(desk, ask.changes.name or "")
    except asyncpg.ForeignKeyViolationError:
        return UNKNOWN_REPOSITORY
    if host is None:
        return Refusal.not_found("host")
    await desk.news.host(host.id)
    return host


async def _change(tx: Connection, identity: UUID, changes: asks.HostPatch) -> asks.Host | None:
    await finish_queries.lock_hosts(tx, [identity])
    host = await queries.find(tx, identity)
    if host is None:
        return None
    repository_id = host.repository.id if host.repository else None
    if "repository_id" in changes.model_fields_set:
        repository_id = changes.repository_id
    await queries.update(tx, changed(host, changes), repository_id)
    return await queries.find(tx, identity)


async def delete(desk: Desk, ask: asks.DeleteHost) -> Refusal | None:
    """Delete a host: its jobs go, its token ends, and its agent is cut off."""

    async def work(tx: Connection) -> bool:
        fact = await finish_queries.count_fact(tx, ask.id)
        if fact is None:
            return False
        event = HostDeleted(
            event_id=uuid4(),
            host_id=fact.id,
            host_name=fact.name,
            host_labels=fact.labels,
            version=fact.version,
            evidence_at=fact.at,
        )
        await outbox.say(tx, [fact.id], [event])
        await queries.delete(tx, ask.id)
        return True

    if not await in_transaction(desk.pool, work):
        return Refusal.not_found("host")
    log.info("host deleted", host_id=str(ask.id))
    await desk.news.said()
    await desk.news.cut_off(ask.id)
    await desk.news.host(ask.id)
    return None


async def renew_token(desk: Desk, ask: asks.RenewHostToken) -> asks.HostWithToken | Refusal:
    """A new token; the agent connected with the old one is cut off."""
    token = tokens.make(tokens.AGENT_PREFIX)

    async def work(tx: Connection) -> asks.Host | None:
        known = await queries.set_token(tx, ask.id, tokens.digest(token))
        return await queries.find(tx, ask.id) if known else None

    host = await in_transaction(desk.pool, work)
    if host is None:
        return Refusal.not_found("host")
    log.info("agent token renewed", host_id=str(host.id))
    await desk.news.cut_off(host.id)
    return _with_token(host, token)


async def authenticate(desk: Desk, ask: AuthenticateAgent) -> AgentIdentity | Refusal:
    """Whose agent it is."""
    found = await queries.of_token(desk.pool, tokens.digest(ask.token))
    return found or Refusal(status=401, title="Unauthorized", detail="No host has this agent token.")
