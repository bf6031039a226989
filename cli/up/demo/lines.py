"""The lines to paste: a recovery, a repeat, an acknowledgement, and what is left."""

import shlex
from pathlib import Path

from cli.up.demo.fleet import BROKEN_HOST, DemoFolder

CHECKOUT = Path(__file__).parents[3]


def program() -> str:
    """How this Keepwatch is called from another terminal."""
    return "uv run keepwatch" if (CHECKOUT / "pyproject.toml").exists() else "keepwatch"


def paste_lines(folder: DemoFolder) -> list[tuple[str, str]]:
    """What each line shows, and the line."""
    keepwatch = program()
    good, missing = (str(folder.source(BROKEN_HOST, group)) for group in ("etc", "mail"))
    repair = shlex.join(["cp", "-r", "--no-target-directory", good, missing])
    recover = f"{repair} && {keepwatch} jobs run --wait {BROKEN_HOST}/mail"
    acknowledge = f"{keepwatch} alerts ack {BROKEN_HOST}/databases --note 'on it'"
    return [
        ("A recovery: the missing folder is there, so its alert is resolved, and no other:", recover),
        (
            "A repeat: the same failure again counts on its open alert and wakes nobody:",
            f"{keepwatch} jobs run {BROKEN_HOST}/databases",
        ),
        ("An acknowledgement: every channel is told:", acknowledge),
        ("What is open now:", f"{keepwatch} alerts list"),
    ]
