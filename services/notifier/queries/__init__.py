"""Every SQL statement of the notifier: one function, one statement."""
