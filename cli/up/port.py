"""Whether the gateway can have the port that it is asked to listen on."""

import errno
import socket

import click

from cli.up.options import Options


def check_port(options: Options) -> None:
    """Return if somebody could listen there now; a `ClickException` with the reason otherwise."""
    where = f"{options.listen}:{options.port}"
    family = socket.AF_INET6 if ":" in options.listen else socket.AF_INET
    try:
        socket.create_server((options.listen, options.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"{where} is in use; choose another port with --port.") from None
        raise click.ClickException(f"Can't listen on {where}: {error.strerror or error}.") from None
