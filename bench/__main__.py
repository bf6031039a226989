"""`uv run python -m bench SCENARIO`."""

import click

from bench.agents import agents
from bench.containers import containers
from bench.pages import pages


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure Keepwatch on this machine."""


main.add_command(agents)
main.add_command(pages)
main.add_command(containers)

if __name__ == "__main__":
    main()
