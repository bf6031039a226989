"""Turns an async function into a command that talks to the API: `acts`, `shows` and `lists` say what is printed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from cli.client import screen
from cli.client.api import PAGE, Api, Query, connect
from cli.client.profile import find_access

Function = Callable[..., Awaitable[Any]]
Callback = Callable[..., None]
View = Callable[[Any, datetime], RenderableType]
Row = Callable[[Any, datetime], Sequence[object]]
DEFAULT_LIMIT = 50


def calls_api(function: Callable[..., Awaitable[None]]) -> Callback:
    """Give the function an `Api` as its first argument, and the command `--server` and `--token-file`."""

    @click.option("--server", metavar="URL", help="The server; else KEEPWATCH_SERVER or the profile.")
    @click.option(
        "--token-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file with an API token; else KEEPWATCH_TOKEN or the profile.",
    )
    @wraps(function)
    def callback(server: str | None, token_file: Path | None, **options: Any) -> None:
        async def run() -> None:
            async with connect(find_access(server, token_file)) as api:
                await function(api, **options)

        asyncio.run(run())

    return callback


_json = click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")


def acts(function: Function) -> Callback:
    """The function returns the sentence to print; the API had nothing to answer, so `--json` prints nothing."""

    @wraps(function)
    async def run(api: Api, *, as_json: bool, **options: Any) -> None:
        sentence = await function(api, **options)
        if not as_json:
            print(screen.clean(sentence))

    return _json(calls_api(run))


def shows(view: View) -> Callable[[Function], Callback]:
    """The function returns the API's answer; `view` draws it."""

    def wrap(function: Function) -> Callback:
        @wraps(function)
        async def run(api: Api, *, as_json: bool, **options: Any) -> None:
            answer = await function(api, **options)
            if as_json:
                screen.show_json(answer)
            else:
                screen.show(view(answer, screen.now()))

        return _json(calls_api(run))

    return wrap


def lists(titles: Sequence[str], row: Row, empty: str) -> Callable[[Function], Callback]:
    """The function returns a path and a query; the rows of its first page, or of all, are printed."""

    def wrap(function: Function) -> Callback:
        @click.option("--limit", type=click.IntRange(1, PAGE), help=f"Rows of a page; {DEFAULT_LIMIT} without --all.")
        @click.option("--all", "everything", is_flag=True, help="All pages; with --json one object each.")
        @wraps(function)
        async def run(api: Api, *, as_json: bool, limit: int | None, everything: bool, **options: Any) -> None:
            path, query = await function(api, **options)
            pages = _wanted(api, path, query, limit or (PAGE if everything else DEFAULT_LIMIT), everything=everything)
            if as_json:
                async for page in pages:
                    screen.show_json(page)
            else:
                _print_rows(titles, row, [page async for page in pages], empty)

        return _json(calls_api(run))

    return wrap


async def _wanted(api: Api, path: str, query: Query, limit: int, *, everything: bool) -> Any:
    async for page in api.pages(path, query, limit):
        yield page
        if not everything:
            return


def _print_rows(titles: Sequence[str], row: Row, pages: Iterable[Mapping[str, Any]], empty: str) -> None:
    pages = list(pages)
    items = list(chain.from_iterable(page["items"] for page in pages))
    at = screen.now()
    if items:
        screen.show(screen.table(titles, [row(item, at) for item in items]))
    else:
        click.echo(empty, err=True)
    if pages and pages[-1].get("next_cursor"):
        click.echo(f"There are more than these {len(items)}; --all shows them.", err=True)
