"""What the demo consists of: hosts, their source groups, and what is broken about two of them."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = {
    "etc": {
        "hostname": "{host}\n",
        "fstab": "/dev/sda1 / ext4 defaults 0 1\n",
        "nginx/nginx.conf": "events {{}}\n",
        "services": "keepwatch 8480/tcp\n" * 2000,
    },
    "databases": {"orders.sql": "INSERT INTO orders (item, count) VALUES ('bicycle', 1);\n" * 50_000},
    "photos": {f"2026/{number:03}.raw": f"{{host}} picture {number}\n" * 20_000 for number in range(40)},
}
DUMP_PROGRAM = "/usr/local/bin/dump-databases"
NIGHTLY = "30 2 * * *"
RETENTION = {"keep_daily": 7, "keep_weekly": 4}


@dataclass(frozen=True)
class Group:
    """A source group of the demo; `sample` names its files, None leaves its path missing."""

    name: str
    sample: str | None = None
    not_allowed: bool = False


FLEET = {
    "web-01": (Group("etc", "etc"), Group("mail"), Group("databases", "databases", not_allowed=True)),
    "db-01": (Group("etc", "etc"), Group("databases", "databases")),
    "nas-01": (Group("photos", "photos"),),
}
BROKEN_HOST = "web-01"
BROKEN_GROUPS = ("mail", "databases")


@dataclass(frozen=True)
class DemoFolder:
    """Where the demo's files are; without `restic`, archives of `tar` stand in for snapshots."""

    path: Path
    restic: bool

    def source(self, host: str, group: str) -> Path:
        """What the group backs up."""
        return self.path / "sources" / host / group

    def repository(self, host: str) -> Path:
        """Where the host backs up to."""
        return self.path / "repositories" / host

    def host(self, host: str) -> Path:
        """What the host's agent keeps."""
        return self.path / "hosts" / host

    def fill(self) -> None:
        """Write what is to be backed up, where it is not there yet."""
        for host, groups in FLEET.items():
            self.host(host).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.repository(host).mkdir(mode=0o700, parents=True, exist_ok=True)
            for group in groups:
                if group.sample and not self.source(host, group.name).exists():
                    _write(self.source(host, group.name), SAMPLES[group.sample], host)

    def group_body(self, host: str, group: Group) -> dict[str, Any]:
        """The source group as the API takes it."""
        source = str(self.source(host, group.name))
        body: dict[str, Any] = {"name": group.name, "paths": [source]}
        if group.not_allowed:
            return body | {"engine": "command", "command": [DUMP_PROGRAM]}
        if not self.restic:
            archive = str(self.repository(host) / f"{group.name}.tar")
            return body | {"engine": "command", "command": [tar(), "cf", archive, source]}
        return body | {"retention": RETENTION}


def tar() -> str:
    """The one program that the demo's agents may run besides restic."""
    return shutil.which("tar") or "/usr/bin/tar"


def _write(folder: Path, files: dict[str, str], host: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(host=host))
