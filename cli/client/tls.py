"""Whom to trust when the server's certificate is not one of the machine's authorities' making."""

import ssl
from pathlib import Path

import click

END = "-----END CERTIFICATE-----"


def trust(certificate: Path | None) -> ssl.SSLContext | None:
    """Trust in exactly the first certificate of this file, whatever names it carries; None without a file."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # One certificate alone is its own name. What follows it in the file are authorities, who vouch for others too.
    context.check_hostname = False
    try:
        context.load_verify_locations(cadata=certificate.read_text(encoding="ascii").partition(END)[0] + END)
    except (OSError, ValueError):
        raise click.ClickException(f"There is no certificate to read in {certificate}.") from None
    return context
