"""`keepwatch up`: the whole system on this machine, as children of one supervisor."""
