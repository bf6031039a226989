"""The client profile, by which the client commands find this system from the next terminal."""

import json

from cli.client.profile import Access, profile_path
from cli.embedded.kept import keep


def write_profile(access: Access) -> None:
    """Leave server, token and, with TLS, the certificate to trust, readable by this user only."""
    path = profile_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate = {"certificate": str(access.certificate)} if access.certificate else {}
    keep(path, json.dumps({"server": access.server, "token": access.token, **certificate}))
