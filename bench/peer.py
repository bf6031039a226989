"""What the systems beside ours have in common."""

import time
import urllib.request


def wait_for(url: str, name: str) -> None:
    """Wait until it answers there; ends with an error after half a minute."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{name} did not start")
