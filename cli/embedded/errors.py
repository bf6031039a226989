"""What can go wrong with an embedded server."""


class EmbeddedServerError(Exception):
    """An embedded server can't be prepared, started or stopped; the text is one sentence for a person."""
