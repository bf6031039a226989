"""The client profile, by which the client commands find this system from the next terminal."""

import json
from pathlib import Path

from cli.client.profile import Access, profile_path
from cli.embedded.kept import keep


def write_profile(access: Access, ca_file: Path | None) -> None:
    """Leave server, token and, with TLS, the certificate to trust, readable by this user only."""
    path = profile_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    profile = {"server": access.server, "token": access.token, "ca_file": str(ca_file) if ca_file else None}
    keep(path, json.dumps({name: value for name, value in profile.items() if value}))
