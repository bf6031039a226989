"""Repositories: their secrets are sealed before they are stored, and never shown."""

from uuid import UUID, uuid4

import asyncpg

from services.jobs.answers.changes import changed, nulls_refused
from services.jobs.desk import Desk
from services.jobs.queries import repositories as queries
from services.jobs.sealed import purpose
from shared import cursor
from shared.asks import repositories as asks
from shared.asks.ask import Page
from shared.asks.fields import without_userinfo
from shared.db import Connection, in_transaction
from shared.refusal import Refusal
from shared.sealing import SealBrokenError, Sealer
from shared.vocabulary import RepositorySource

HOST_KNOWS = "must not be given with source 'host': the host alone knows it"


async def create(desk: Desk, ask: asks.CreateRepository) -> asks.Repository | Refusal:
    """Make a repository."""
    if refusal := secrets_refused(ask.body):
        return refusal
    try:
        return await in_transaction(desk.pool, lambda tx: insert(tx, desk.sealer, ask.body.name, ask.body))
    except asyncpg.UniqueViolationError:
        return await name_taken(desk, ask.body.name)


def secrets_refused(body: asks.InlineRepository, at: str = "") -> Refusal | None:
    """With source "host" the server never knows the secrets."""
    if body.source is not RepositorySource.HOST:
        return None
    given = [(f"{at}/{name}", HOST_KNOWS) for name in ("password", "env") if getattr(body, name)]
    return Refusal.invalid(*given) if given else None


async def insert(tx: Connection, sealer: Sealer, name: str, body: asks.InlineRepository) -> asks.Repository:
    """Make a repository of this name."""
    identity = uuid4()
    secrets = {"url": body.url, "password": body.password, "env": body.env}
    return await queries.insert(
        tx,
        identity,
        name,
        without_userinfo(body.url),
        body.source,
        sealer.seal(secrets, purpose(identity)),
        may_create=body.create,
    )


async def name_taken(desk: Desk, name: str) -> Refusal:
    """409: whose name it is."""
    existing = await queries.id_of_name(desk.pool, name)
    return Refusal.conflict(f"There is a repository named {name!r} already.", existing_id=str(existing))


async def list_newest(desk: Desk, ask: asks.ListRepositories) -> Page[asks.Repository] | Refusal:
    """A page of repositories."""
    before = cursor.decode_time_and_id(ask.cursor)
    if isinstance(before, Refusal):
        return before
    found = await queries.newest(desk.pool, ask, before)
    return cursor.page(found, ask.limit, lambda repository: (repository.created_at, repository.id))


async def get(desk: Desk, ask: asks.GetRepository) -> asks.Repository | Refusal:
    """One repository."""
    return await queries.find(desk.pool, ask.id) or Refusal.not_found("repository")


async def patch(desk: Desk, ask: asks.PatchRepository) -> asks.Repository | Refusal:
    """Change a repository."""
    if refusal := nulls_refused(ask.changes, {"password"}):
        return refusal
    try:
        return await in_transaction(desk.pool, lambda tx: _change(tx, desk.sealer, ask.id, ask.changes))
    except asyncpg.UniqueViolationError:
        return await name_taken(desk, ask.changes.name or "")


async def _change(
    tx: Connection, sealer: Sealer, identity: UUID, changes: asks.RepositoryPatch
) -> asks.Repository | Refusal:
    """Write the changes.

    A new URL keeps `restic_id`: a repository that moved is still the same one, and one that isn't there must be told
    as missing, not be made anew. Whoever wants another repository makes another.
    """
    found = await queries.lock_with_secrets(tx, identity)
    if found is None:
        return Refusal.not_found("repository")
    before, sealed = found
    repository = changed(before, changes)
    named = changes.model_dump(include={"url", "password", "env"}, exclude_unset=True)
    try:
        secrets = sealer.open(sealed, purpose(identity)) | named
    except SealBrokenError as error:
        if named.keys() < {"url", "password", "env"}:
            return Refusal.conflict(f"Give url, password and env anew: {error}.")
        secrets = named
    if repository.source is RepositorySource.HOST:
        if changes.password or changes.env:
            return Refusal.invalid(("/password" if changes.password else "/env", HOST_KNOWS))
        secrets |= {"password": None, "env": {}}
    repository = repository.model_copy(update={"url": without_userinfo(secrets["url"])})
    await queries.update(tx, repository, sealer.seal(secrets, purpose(identity)))
    return repository


async def delete(desk: Desk, ask: asks.DeleteRepository) -> Refusal | None:
    """Forget a repository that nothing needs."""

    async def work(tx: Connection) -> Refusal | None:
        if await queries.in_use(tx, ask.id):
            return Refusal.conflict("The repository is in use: give its hosts another one first.")
        return None if await queries.delete(tx, ask.id) else Refusal.not_found("repository")

    try:
        return await in_transaction(desk.pool, work)
    except asyncpg.ForeignKeyViolationError:
        return Refusal.conflict("The repository is in use: give its hosts another one first.")
