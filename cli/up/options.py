"""What `keepwatch up` was asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The command line of `keepwatch up`."""

    port: int
    listen: str
    data_dir: Path
    tls_cert: Path | None
    tls_key: Path | None
    demo: bool

    @property
    def url(self) -> str:
        """Where the gateway is reached, as far as the command line tells."""
        return self._url(self.listen)

    @property
    def local_url(self) -> str:
        """Where this machine reaches the gateway, also when it listens on every address."""
        return self._url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.listen, self.listen))  # noqa: S104  compared only

    def _url(self, host: str) -> str:
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"
