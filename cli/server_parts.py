"""The parts that only `keepwatch[server]` has."""

from importlib import import_module
from typing import Any

import click

OUR_PACKAGES = {"agent", "cli", "services", "shared"}


def server_part(module: str) -> Any:
    """Import a module of ours that needs the extra `server`; where that is missing, say so in one sentence."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OUR_PACKAGES:
            raise
        raise click.ClickException(
            f"This command needs the server's parts ({error.name} is missing): pip install 'keepwatch[server]'."
        ) from None
