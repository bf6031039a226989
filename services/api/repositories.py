"""Routes of repositories."""

from litestar import delete, get, patch, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.ask import Page
from shared.asks.repositories import (
    CreateRepository,
    DeleteRepository,
    GetRepository,
    ListRepositories,
    PatchRepository,
    Repository,
    RepositoryCreate,
    RepositoryPatch,
)
from shared.vocabulary import Role


@get("/repositories", role=Role.VIEWER)
async def list_repositories(owners: Given[Owners], asked: Given[PageQuery]) -> Page[Repository]:
    """List repositories, newest first."""
    return await owners.ask(ListRepositories(limit=asked.limit, cursor=asked.cursor))


@post("/repositories", role=Role.ADMIN)
async def create_repository(owners: Given[Owners], payload: Given[RepositoryCreate]) -> Repository:
    """Make a repository; its password and environment are never shown again."""
    return await owners.ask(CreateRepository(body=payload))


@get("/repositories/{repository_id:uuid}", role=Role.VIEWER)
async def get_repository(owners: Given[Owners], repository_id: Id) -> Repository:
    """Show a repository."""
    return await owners.ask(GetRepository(id=repository_id))


@patch("/repositories/{repository_id:uuid}", role=Role.ADMIN)
async def patch_repository(owners: Given[Owners], repository_id: Id, payload: Given[RepositoryPatch]) -> Repository:
    """Change a repository."""
    return await owners.ask(PatchRepository(id=repository_id, changes=payload))


@delete("/repositories/{repository_id:uuid}", role=Role.ADMIN)
async def delete_repository(owners: Given[Owners], repository_id: Id) -> None:
    """Forget a repository that no host uses; what is stored in it stays."""
    await owners.ask(DeleteRepository(id=repository_id))


ROUTES = [list_repositories, create_repository, get_repository, patch_repository, delete_repository]
