"""The command `keepwatch`; what needs the server's parts is imported when it runs, since most hosts lack them."""

import os
import sys
from pathlib import Path
from traceback import extract_tb, print_exception

import click

from cli.agent_command import agent
from cli.audit_command import audit
from cli.client import COMMANDS
from cli.doctor.command import doctor
from cli.migrate import migrate
from cli.seal_anew import seal_anew
from cli.serve import serve
from cli.up.command import up
from shared.environment import SettingError

ROOT = Path(__file__).parents[1]


class Program(click.Group):
    """Ends every failure with one sentence on stderr and exit code 1, wrong usage with 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except SettingError as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:  # noqa: BLE001  the last place before a person
            if os.environ.get("KEEPWATCH_LOG_LEVEL") == "debug":
                print_exception(error, file=sys.stderr)
            raise click.ClickException(_unexpected(error)) from None


def _unexpected(error: Exception) -> str:
    # Not the error's own text: nobody has looked whether a secret stands in it.
    frames = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(ROOT)]
    place = f" at {Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}" if frames else ""
    return f"Unexpected {type(error).__name__}{place}; KEEPWATCH_LOG_LEVEL=debug shows more."


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="keepwatch", prog_name="keepwatch")
def main() -> None:
    """Keepwatch runs and watches the restic backups of a fleet."""


for command in (up, serve, migrate, seal_anew, doctor, audit, agent, *COMMANDS):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="keepwatch")
