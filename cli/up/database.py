"""The services' database: owned by a role that may do nothing else."""

import psycopg
from psycopg import sql

from cli.embedded import EmbeddedPostgres
from cli.embedded.kept import LOOPBACK

ROLE = "keepwatch"
DATABASE = "keepwatch"


def create_database(postgres: EmbeddedPostgres, secret: str) -> str:
    """Make role and database where they are missing; the URL that the services use."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).rowcount:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(ROLE)))
        # Hashed here, so that the password itself reaches no log of the server.
        encrypted = connection.pgconn.encrypt_password(secret.encode(), ROLE.encode(), b"scram-sha-256")
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        connection.execute(login.format(sql.Identifier(ROLE), sql.Literal(encrypted.decode())))
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
            create = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))
    return f"postgresql://{ROLE}:{secret}@{LOOPBACK}:{postgres.port}/{DATABASE}"
