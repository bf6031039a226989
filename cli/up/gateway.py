"""The gateway as `up` sees it: whether it is ready, and a link to sign in with."""

import ssl

import aiohttp

from cli.client.api import Api
from cli.client.problems import ApiProblem

TIMEOUT = aiohttp.ClientTimeout(total=3)


async def answers_ready(url: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether `/readyz` there is 200 now."""
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as http,
            http.get(f"{url}/readyz", ssl=tls or True) as answer,
        ):
            return answer.status == 200  # noqa: PLR2004  HTTP's own number
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def login_link(api: Api) -> str | None:
    """A link that signs a person in once; None when the gateway makes none."""
    try:
        return str((await api.post("/login-links"))["url"])
    except ApiProblem:
        return None
