"""Keepwatch as a host of its own: what is wrong with it is an alert like any other. It is in no list of hosts."""

from uuid import UUID

OWN_HOST_ID = UUID(int=1)
OWN_HOST_NAME = "keepwatch"
"""No other host may have this name."""
