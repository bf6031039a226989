"""What the gateway reads from its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.environment import Networks, ProcessSettings, SealingSettings

Secret = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=1024)]


class Settings(SealingSettings, ProcessSettings):
    """The gateway's settings."""

    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")] | None = None
    admin_token: Annotated[Secret | None, Field(repr=False)] = None
    admin_password: Annotated[Secret | None, Field(repr=False)] = None
    trusted_proxies: Networks = []
    tls_cert: Path | None = None
    tls_key: Path | None = None
    demo: bool = False
