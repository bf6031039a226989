"""The command line of `keepwatch up`."""

from pathlib import Path

import click
import platformdirs

from cli.server_parts import server_part
from cli.up.options import Options

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path, resolve_path=True)
FOLDER = click.Path(file_okay=False, path_type=Path, resolve_path=True)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8480, show_default=True, help="Of the web and the API.")
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--data-dir",
    type=FOLDER,
    default=lambda: platformdirs.user_data_path("keepwatch"),
    help="Everything that is kept.  [default: the platform's data folder]",
)
@click.option("--tls-cert", type=FILE, help="Serve https with this certificate (PEM, with its chain).")
@click.option("--tls-key", type=FILE, help="The certificate's key.")
@click.option("--demo", is_flag=True, help="Add three local agents with healthy and broken backups.")
def up(  # noqa: PLR0913  the command line has as many
    *, port: int, listen: str, data_dir: Path, tls_cert: Path | None, tls_key: Path | None, demo: bool
) -> None:
    """Run the whole system on this machine: PostgreSQL, NATS and the four services."""
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    options = Options(port, listen, data_dir, tls_cert, tls_key, demo)
    server_part("cli.up.system").run(options)
