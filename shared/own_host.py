"""Keepwatch as a host of its own: what is wrong with it is an alert like any other. It is in no list of hosts."""

from uuid import UUID

OWN_HOST_ID = UUID(int=1)
OWN_HOST_NAME = "keepwatch"
"""No other host may have this name."""
CANARY_HOST_ID = UUID(int=2)
CANARY_HOST_NAME = "keepwatch-canary"
"""What happens to this host goes the whole way that an alert goes, to the sink, and no person ever hears of it."""
SINK_CHANNEL_ID = UUID(int=2)
"""The channel that hears of the canary, and of nothing else."""
