"""The ways to run a job: one file per program family."""
