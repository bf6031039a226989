"""PostgreSQL and NATS as children of this process: for `keepwatch up`, and for the tests.

    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedNats(folder / "nats") as nats:
        connect(postgres.dsn), connect(nats.url)

Start them from the main thread: they end when the thread that started them does.
"""

from cli.embedded.errors import EmbeddedServerError
from cli.embedded.nats import EmbeddedNats
from cli.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServerError"]
