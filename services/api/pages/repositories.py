"""The list of repositories: where backups go. Their secrets go in and are never shown."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from services.api.errors import Problem
from services.api.forms import filled_in, problems_of, read_own_form
from services.api.owners import Owners
from services.api.pages import host_forms
from services.api.pages.frame import FromUser, page, went
from services.api.pages.lists import Asked, ListQuery
from services.api.parsing import Address, Given
from services.api.sessions import Sessions
from shared.asks.fields import Text
from shared.asks.repositories import CreateRepository, ListRepositories, Repository, RepositoryCreate
from shared.vocabulary import Role

MOST_OPTIONS = 20
PLACE = {"place": "/hosts"}
"""Repositories are reached from the hosts."""


class RepositoryListQuery(ListQuery):
    """Which repositories the page shows."""

    q: Asked[Text] = None


class OptionQuery(Address):
    """The beginning, or any part, of a name."""

    repository_existing: Text = ""


@get("/repositories", role=Role.VIEWER)
async def repositories_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[RepositoryListQuery]
) -> Template:
    """Show repositories, newest first."""
    found = await owners.ask(ListRepositories(q=asked.q, limit=asked.limit, cursor=asked.cursor))
    context = {
        "repositories": found.items,
        "asked": asked,
        "first": asked.cursor and asked.address("/repositories"),
        "next": found.next_cursor and asked.address("/repositories", cursor=found.next_cursor),
    }
    return page("repositories.html", request, sessions, context | PLACE)


@get("/repositories/options", role=Role.VIEWER)
async def repository_options(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[OptionQuery]
) -> Template:
    """Names of repositories to choose from while one is typed."""
    found = await owners.ask(ListRepositories(q=asked.repository_existing or None, limit=MOST_OPTIONS))
    return page("options.html", request, sessions, {"names": [repository.name for repository in found.items]})


def repository_form(
    request: FromUser,
    sessions: Sessions,
    repository: Repository | None,
    typed: host_forms.Typed,
    problem: Problem | None = None,
) -> Template:
    """The page of a repository, or of one that is to be."""
    problems = problems_of(problem, host_forms.REPOSITORY_FIELDS) if problem else {}
    context = {"repository": repository, "typed": typed, "problems": problems} | PLACE
    return page("repository.html", request, sessions, context, status=problem.refusal.status if problem else 200)


@get("/repositories/new", role=Role.ADMIN)
async def new_repository_page(request: FromUser, sessions: Given[Sessions]) -> Template:
    """Show the form that adds a repository."""
    return repository_form(request, sessions, None, host_forms.new_repository())


@post("/repositories/new", role=Role.ADMIN, status_code=303)
async def add_repository(request: FromUser, owners: Given[Owners], sessions: Given[Sessions]) -> Response[Any]:
    """Make a repository."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        values = host_forms.repository_values(form) | {"name": form.text("name")}
        await owners.ask(CreateRepository(body=filled_in(RepositoryCreate, values)))
    except Problem as problem:
        return repository_form(request, sessions, None, host_forms.typed_repository(form), problem)
    return went("/repositories?done=repository-added")


ROUTES = [repositories_page, repository_options, new_repository_page, add_repository]
