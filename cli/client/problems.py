"""What went wrong, in one sentence: from problem details, or from a server that does not answer."""

import json
import ssl
from typing import Any

import aiohttp
import click


class ApiProblem(click.ClickException):
    """The server said no; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Unreachable(ApiProblem):
    """Nobody answered, or not like Keepwatch."""

    def __init__(self, sentence: str) -> None:
        super().__init__(503, sentence)


def from_answer(status: int, headers: Any, text: str, server: str) -> ApiProblem:
    """The problem an answer tells of: its detail, and what is wrong with each field."""
    problem = _details(text)
    if problem is None:
        return Unreachable(f"{server} does not answer like Keepwatch (HTTP {status}); is the address right?")
    sentence = str(problem.get("detail") or problem.get("title") or f"HTTP {status}").rstrip(".")
    errors = problem.get("errors") or []
    if errors:
        fields = "; ".join(_field(error) for error in errors)
        # The detail is often that of the first field: said once is enough.
        said = any(sentence.endswith(str(error.get("detail")).rstrip(".")) for error in errors)
        sentence = fields if said else f"{sentence} ({fields})"
    if job := problem.get("job_id"):
        sentence = f"{sentence} (job {job})"
    sentence = f"{sentence}{_advice(status, headers)}."
    return ApiProblem(status, sentence)


def _details(text: str) -> dict[str, Any] | None:
    try:
        problem = json.loads(text)
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and ("detail" in problem or "title" in problem) else None


def _field(error: dict[str, str]) -> str:
    name = error.get("pointer", "").lstrip("/").replace("/", ".")
    detail = error.get("detail", "").rstrip(".")
    return f"{name}: {detail}" if name else detail


def _advice(status: int, headers: Any) -> str:
    if status == 401:  # noqa: PLR2004  HTTP's own number
        return "; check KEEPWATCH_TOKEN, --token-file or the profile"
    seconds = headers.get("Retry-After", "")
    return f" (retry after {seconds} s)" if seconds.isdigit() else ""


def from_connection(error: Exception, server: str) -> Unreachable:
    """Why there was no answer."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return Unreachable(f"The certificate of {server} is not trusted; SSL_CERT_FILE may name its authority.")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{server} does not answer in time.")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or str(error.os_error) or "no connection"
        return Unreachable(
            f"Cannot connect to {server}: {reason.splitlines()[0].rstrip('.')}; is Keepwatch running there?"
        )
    return Unreachable(f"The connection to {server} broke: {type(error).__name__}.")
