"""The gateway as `up` sees it: whether it is ready, and a link to sign in with."""

import ssl

import aiohttp

from cli.client.api import Api
from cli.client.problems import ApiProblem
from cli.up.options import Options

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


def trust(options: Options) -> ssl.SSLContext | None:
    """Trust in exactly the certificate that we serve with, whatever names it carries; None without TLS."""
    if options.tls_cert is None:
        return None
    context = ssl.create_default_context(cafile=options.tls_cert)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


async def login_link(api: Api) -> str | None:
    """A link that signs a person in once; None when the gateway makes none."""
    try:
        return str((await api.post("/login-links"))["url"])
    except ApiProblem:
        return None
