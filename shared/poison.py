"""Messages that nobody can handle: why not, in words that can be kept."""


def why(error: Exception, most: int) -> str:
    """What went wrong, in so many characters; parts of the message in it may be what no text column takes."""
    return repr(error).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:most]
