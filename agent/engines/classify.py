"""Why restic failed: by its exit code, and where that says too little, by its messages."""

import re
import signal

from shared.vocabulary import ErrorClass

SNAPSHOT_WITH_ERRORS = 3
_CODES = {
    10: ErrorClass.REPO_MISSING,
    11: ErrorClass.LOCKED,
    12: ErrorClass.WRONG_PASSWORD,
    130: ErrorClass.INTERRUPTED,
    128 + signal.SIGTERM: ErrorClass.INTERRUPTED,
    -signal.SIGINT: ErrorClass.INTERRUPTED,
    -signal.SIGTERM: ErrorClass.INTERRUPTED,
}
# In this order: a network that fails makes restic say that it cannot open the repository, which is not its absence.
_MESSAGES = [
    (
        ErrorClass.REPO_UNREACHABLE,
        (
            r"connection refused|connection reset|no such host|i/o timeout|no route to host|network is unreachable"
            r"|connection timed out|TLS handshake timeout|Client\.Timeout exceeded|name resolution|resolve hostname"
            r"|x509: |ssh: connect to host|Host key verification failed|server misbehaving|tls: |dial tcp"
        ),
    ),
    (ErrorClass.NO_SPACE, r"no space left on device|disk quota exceeded|not enough space|insufficient storage|507 "),
    (ErrorClass.WRONG_PASSWORD, r"wrong password or no key found"),
    (ErrorClass.LOCKED, r"unable to create lock in backend|already locked|repository is locked"),
    (
        ErrorClass.REPO_MISSING,
        (
            r"repository does not exist|unable to open config file: .*(?:no such file or directory|does not exist"
            r"|not exist|not found|404|NoSuchKey|NoSuchBucket|BlobNotFound|ContainerNotFound)"
        ),
    ),
    (ErrorClass.SOURCE_MISSING, r"all (?:target|source) directories/files do not exist"),
    (ErrorClass.INTERRUPTED, r"failed to refresh lock in time"),
]


def error_class(exit_code: int, messages: str) -> ErrorClass:
    """The class of a restic that failed with this code and said this, versions 0.14 to 0.19."""
    by_code = _CODES.get(exit_code)
    if by_code is not None:
        return by_code
    for name, pattern in _MESSAGES:
        if re.search(pattern, messages, re.IGNORECASE):
            return name
    return ErrorClass.OTHER
