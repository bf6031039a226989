"""Whether the gateway can serve TLS with the files it is given, seen before anything is started."""

import ssl

import click

from cli.up.options import Options


def check_certificate(options: Options) -> None:
    """Return if certificate and key belong together; a `ClickException` that names the files otherwise."""
    if options.tls_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ValueError):
        files = f"{options.tls_cert} and {options.tls_key}"
        raise click.ClickException(f"{files} are no certificate and its key, both PEM and the key unlocked.") from None
