import hashlib
import re
from pathlib import Path

VENDOR = Path("services/api/static/vendor")
LINE = re.compile(r"^\| `([^`]+)` \|.*\| ([0-9a-f]{64}) \|$", re.MULTILINE)


def test_libraries_of_others_are_what_the_table_says():
    listed = dict(LINE.findall((VENDOR / "README.md").read_text()))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.[jc]s*")}

    assert found == listed
