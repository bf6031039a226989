"""Every SQL statement of alerts, but those of its outbox: one function, one statement."""
