"""One repository: shown, changed, forgotten."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from services.api.errors import Problem
from services.api.forms import filled_in, read_own_form
from services.api.owners import Owners
from services.api.pages import host_forms
from services.api.pages.frame import FromUser, page, went
from services.api.pages.repositories import PLACE, repository_form
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.repositories import DeleteRepository, GetRepository, PatchRepository, Repository, RepositoryPatch
from shared.vocabulary import Role

CONFLICT = 409


@get("/repositories/{repository_id:uuid}", role=Role.VIEWER)
async def repository_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], repository_id: Id
) -> Template:
    """Show a repository; who may change it gets the form."""
    repository = await owners.ask(GetRepository(id=repository_id))
    return repository_form(request, sessions, repository, host_forms.shown_repository(repository))


@post("/repositories/{repository_id:uuid}", role=Role.ADMIN, status_code=303)
async def edit_repository(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], repository_id: Id
) -> Response[Any]:
    """Change a repository; what is left empty of its secrets stays as it is."""
    form = await read_own_form(request, sessions.csrf_key)
    repository = await owners.ask(GetRepository(id=repository_id))
    try:
        changes = filled_in(RepositoryPatch, host_forms.repository_changes(form, repository))
        await owners.ask(PatchRepository(id=repository_id, changes=changes))
    except Problem as problem:
        return repository_form(request, sessions, repository, host_forms.typed_repository(form), problem)
    return went(f"/repositories/{repository_id}?done=repository-changed")


@get("/repositories/{repository_id:uuid}/delete", role=Role.ADMIN)
async def delete_repository_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], repository_id: Id
) -> Template:
    """Ask whether a repository is to be forgotten."""
    return _question(request, sessions, await owners.ask(GetRepository(id=repository_id)))


def _question(
    request: FromUser, sessions: Sessions, repository: Repository, problem: Problem | None = None
) -> Template:
    context = {
        "title": f"Forget {repository.name}?",
        "above": [("/hosts", "Hosts"), ("/repositories", "Repositories")],
        "consequence": "Keepwatch forgets its address and its password. What is stored in it stays: keep the password.",
        "button": "Forget repository",
        "back": f"/repositories/{repository.id}",
        "problem": problem and problem.refusal.detail,
    }
    return page("confirm.html", request, sessions, context | PLACE, status=problem.refusal.status if problem else 200)


@post("/repositories/{repository_id:uuid}/delete", role=Role.ADMIN, status_code=303)
async def delete_repository(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], repository_id: Id
) -> Response[Any]:
    """Forget a repository that no host uses."""
    await read_own_form(request, sessions.csrf_key)
    try:
        await owners.ask(DeleteRepository(id=repository_id))
    except Problem as problem:
        if problem.refusal.status != CONFLICT:
            raise
        return _question(request, sessions, await owners.ask(GetRepository(id=repository_id)), problem)
    return went("/repositories?done=repository-deleted")


ROUTES = [repository_page, edit_repository, delete_repository_page, delete_repository]
