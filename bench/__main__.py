"""`uv run python -m bench SCENARIO`."""

import click

from bench.pages import pages


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure Keepwatch on this machine."""


main.add_command(pages)

if __name__ == "__main__":
    main()
