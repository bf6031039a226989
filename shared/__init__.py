"""Contracts between the processes, and the plumbing under them. Knows no service."""
