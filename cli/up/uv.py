"""`uv run keepwatch up`: uv waits for us all its life, so when it is killed, we are meant."""

import os
from pathlib import Path
from signal import SIGTERM

from cli.embedded.leash import tie_to


def end_with_uv() -> None:
    """Let the end of a `uv run` that started us stop the system in order, also when uv is killed with SIGKILL."""
    parent = os.getppid()
    try:
        name = Path(f"/proc/{parent}/comm").read_text().strip()
    except OSError:
        return
    if name == "uv":
        tie_to(parent, SIGTERM)
