"""Every SQL statement of the gateway: one function, one statement."""

from shared.db import Connection, Pool

Executor = Connection | Pool
