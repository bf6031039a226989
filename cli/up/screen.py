"""What `keepwatch up` says: a living line while something starts on a terminal, plain lines elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from cli.up.child import Child


class Screen:
    """Standard output, for a person or for a script that waits for the line `ready …`."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that `what` is being done."""
        if self._console.is_terminal:
            with self._console.status(what):
                yield
        else:
            self.say(f"{what} …")
            yield

    def done(self, what: str, where: str = "") -> None:
        """One step is done."""
        self._console.print(f"  [green]✓[/] {escape(what):<12} [dim]{escape(where)}[/]")

    def say(self, text: str = "") -> None:
        """One line, as it is."""
        self._console.print(escape(text))

    def notice(self, text: str) -> None:
        """Something that happened while the system runs."""
        self.say(f"{datetime.now().astimezone():%H:%M:%S} {text}")

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values, one pair per line, never wrapped: a link must stay whole."""
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self._console.print(f"  [bold]{escape(name):<{width}}[/]  {escape(value)}")

    def ready(self, url: str) -> None:
        """The line that scripts wait for, alone and at once."""
        print(f"ready {url}", flush=True)

    def child_is_ready(self, child: Child) -> None:
        """One process serves."""
        self.done(child.name, child.where)
