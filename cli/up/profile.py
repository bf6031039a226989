"""The client profile, by which the client commands find this system from the next terminal."""

import json

import click

from cli.client.profile import Access, profile_path
from cli.embedded.kept import keep


def write_profile(access: Access) -> None:
    """Leave server, token and, with TLS, the certificate to trust, readable by this user only.

    Raises:
        ClickException: it cannot be written; the client commands would not find this system.
    """
    path = profile_path()
    certificate = {"certificate": str(access.certificate)} if access.certificate else {}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep(path, json.dumps({"server": access.server, "token": access.token, **certificate}))
    except OSError as error:
        raise click.ClickException(f"Can't write the profile {path}: {error.strerror}.") from None
