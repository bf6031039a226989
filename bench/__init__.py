"""How fast it is, measured from outside on real processes: `uv run python -m bench --help`.

Every command starts a PostgreSQL and a NATS of its own that write through to the disk, and the four services as
`keepwatch serve` runs them. What was measured goes to `bench/results`, with the machine and the versions.
"""
