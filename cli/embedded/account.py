"""The unprivileged account that servers run under when we are root."""

import os
import pwd
from pathlib import Path

from cli.embedded.errors import EmbeddedServerError

ACCOUNT = "nobody"


def server_user() -> tuple[int, int] | None:
    """The (uid, gid) to drop to; None when we are an ordinary user and there is nothing to drop."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise EmbeddedServerError(
            f"Started as root, the embedded servers need the account {ACCOUNT!r}, which this machine does not have."
        ) from None
    return entry.pw_uid, entry.pw_gid


def give(path: Path, user: tuple[int, int] | None) -> None:
    """Let `user` have one file of ours."""
    if user:
        os.chown(path, *user, follow_symlinks=False)


def own(folder: Path, user: tuple[int, int] | None) -> None:
    """Make `folder` a private folder of `user`, with all that is in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is None or folder.stat().st_uid == user[0]:
        return
    for path in (*folder.rglob("*"), folder):
        os.chown(path, *user, follow_symlinks=False)
