"""`uv run python -m bench SCENARIO`."""

import click

from bench.agents import agents
from bench.containers import containers
from bench.flames import flames
from bench.growth import growth
from bench.ingest import ingest
from bench.pages import lists, pages
from bench.plots import plots
from bench.repeat import repeat
from bench.storm import quiet, single, storm


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure Keepwatch on this machine."""


main.add_command(agents)
main.add_command(pages)
main.add_command(containers)
for command in (storm, single, quiet, repeat, ingest, lists, growth, plots, flames):
    main.add_command(command)

if __name__ == "__main__":
    main()
