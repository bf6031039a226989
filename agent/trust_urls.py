"""Which repository URLs a server may choose: pure checks of their text."""

import re
from collections.abc import Mapping, Sequence

LONGEST_URL = 4096
_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
_USER = r"(?:[A-Za-z0-9_][A-Za-z0-9._+-]*@)?"
# The user and the host reach ssh's command line, so neither may look like an option, nor be decoded into one.
_SFTP = re.compile(rf"sftp:(?://{_USER}{_HOST}(?::[0-9]{{1,5}})?/\S.*|{_USER}{_HOST}:[^-].*)")
_SHAPES = {
    "local": re.compile(r"local:/.*"),
    "sftp": _SFTP,
    "rest": re.compile(r"rest:https?://[^/?#\\\s-][^?#\\\s]*"),
    "s3": re.compile(r"s3:(?:https?:)?(?://)?[^/?#\\\s-][^?#\\\s]*"),
    "b2": re.compile(r"b2:[^\s-]\S*"),
    "azure": re.compile(r"azure:[^\s-]\S*"),
    "gs": re.compile(r"gs:[^\s-]\S*"),
    "swift": re.compile(r"swift:[^\s-]\S*"),
    "rclone": re.compile(r"rclone:[A-Za-z0-9_][^\s,]*"),
}
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|^\s|\s$")
_USERINFO = re.compile(r"(?<=://)[^/?#\\@]*@")
# Without one of these restic tries every way to sign in, and one of them starts Azure's own command-line program.
_AZURE_SECRETS = frozenset({"AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS"})


def check_url(url: str, env: Mapping[str, str], prefixes: Sequence[str]) -> str | None:
    """Why the repository's URL is refused, without its user part; None if it is fine."""
    refusal = _shape_refusal(url)
    if refusal:
        return refusal
    if prefixes and not any(_begins(url, prefix) for prefix in prefixes):
        return f"this agent's --allow-repository does not name {shown(url)}"
    if starts_programs(url, env) and not prefixes:
        return f"{shown(url)} starts another program than restic; --allow-repository must name it"
    return None


def _shape_refusal(url: str) -> str | None:
    if not url or len(url) > LONGEST_URL or _UNSAFE.search(url):
        return "the repository's URL is empty, too long, or holds a control character or blanks around it"
    if ".." in re.split(r"[/:\\]", url):
        return "the repository's URL holds '..'"
    scheme, colon, _ = url.partition(":")
    shape = _SHAPES.get(scheme) if colon else None
    if not url.startswith("/") and (shape is None or not shape.fullmatch(url)):
        return f"the repository's URL {shown(url)} is neither an absolute path nor one of the forms this agent knows"
    return None


def starts_programs(url: str, env: Mapping[str, str]) -> bool:
    """Whether restic would start another program than ssh for this URL."""
    return url.startswith("rclone:") or (url.startswith("azure:") and not any(env.get(name) for name in _AZURE_SECRETS))


def shown(url: str) -> str:
    """The URL for people: quoted, short, without its user part."""
    return repr(re.sub(r"(?<=://)[^/\s]*@", "", url)[:200])


def _begins(url: str, prefix: str) -> bool:
    """Whether the prefix ends where a part of the URL ends, so that `/srv/a` does not allow `/srv/ab`."""
    plain, prefix = _plain(url), _plain(prefix)
    ends = ("/", ":") if prefix.startswith("rclone:") else ("/",)
    return plain == prefix or (plain.startswith(prefix) and (prefix.endswith(("/", ":")) or plain[len(prefix)] in ends))


def _plain(url: str) -> str:
    return _USERINFO.sub("", url).removeprefix("local:")
