"""The HTTP API of one server: JSON in, JSON out, every failure an `ApiProblem`."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from cli.client import problems
from cli.client.profile import Access
from cli.client.tls import trust

ANSWER_SECONDS = 30
PAGE = 200
Query = Mapping[str, str | int | Sequence[str] | None]
"""A filter may repeat; null and empty ones are left out."""


@dataclass(frozen=True)
class Raw:
    """An answer that is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Api:
    """One server, one token."""

    http: aiohttp.ClientSession
    server: str

    async def get(self, path: str, query: Query | None = None) -> Any:
        """What is there."""
        return await self._json("GET", path, query)

    async def post(self, path: str, body: Any = None) -> Any:
        """The answer, or null where there is none."""
        return await self._json("POST", path, body=body)

    async def patch(self, path: str, body: Any) -> Any:
        """The thing as it is now."""
        return await self._json("PATCH", path, body=body)

    async def delete(self, path: str) -> None:
        """Gone."""
        await self._json("DELETE", path)

    async def pages(self, path: str, query: Query | None = None, limit: int = PAGE) -> AsyncIterator[dict[str, Any]]:
        """A list page by page, as far as the caller goes on asking."""
        cursor = None
        while True:
            page = await self.get(path, {**(query or {}), "limit": limit, "cursor": cursor})
            yield page
            cursor = page.get("next_cursor")
            if not cursor:
                return

    async def newest(self, path: str, query: Query | None = None, most: int = 5 * PAGE) -> list[dict[str, Any]]:
        """The first `most` things of a list, or all of them."""
        found: list[dict[str, Any]] = []
        async for page in self.pages(path, query):
            found += page["items"]
            if len(found) >= most:
                break
        return found

    async def read(self, path: str, headers: Mapping[str, str]) -> Raw:
        """Text as it is; 416 is an answer here, since it says that there is nothing (yet) to read."""
        raw = await self._send("GET", path, headers=headers)
        if raw.status not in {200, 206, 416}:
            raise self._problem(raw)
        return raw

    async def _json(self, method: str, path: str, query: Query | None = None, body: Any = None) -> Any:
        raw = await self._send(method, path, query, body)
        if not 200 <= raw.status < 300:  # noqa: PLR2004  HTTP's own numbers
            raise self._problem(raw)
        try:
            return json.loads(raw.body) if raw.body else None
        except ValueError:
            raise self._problem(raw) from None

    async def _send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Raw:
        url = f"{self.server}/api/v1{path}"
        try:
            # A redirect would carry the token to wherever the answer points.
            async with self.http.request(
                method, url, params=_pairs(query or {}), json=body, headers=headers, allow_redirects=False
            ) as response:
                return Raw(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise problems.from_connection(error, self.server) from None

    def _problem(self, raw: Raw) -> problems.ApiProblem:
        return problems.from_answer(raw.status, raw.headers, raw.body.decode(errors="replace"), self.server)


def _pairs(query: Query) -> list[tuple[str, str]]:
    pairs = []
    for name, value in query.items():
        values = [value] if isinstance(value, str | int) else value or []
        pairs += [(name, str(one)) for one in values]
    return pairs


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[Api]:
    """The API, for as long as the block runs."""
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {access.token}", "Accept": "application/json"},
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
        connector=aiohttp.TCPConnector(ssl=trust(access.certificate) or True),
    ) as http:
        yield Api(http, access.server)
