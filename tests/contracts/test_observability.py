"""What deploy/observability says is what Prometheus understands."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path("deploy/observability")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH: see .ci/install-promtool")
def test_the_rules_do_what_their_tests_say():
    done = subprocess.run(
        ["promtool", "test", "rules", HERE / "rules_test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_leads_to_a_place_in_the_runbook():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in Path("docs/runbook.md").read_text().splitlines()
        if line.startswith("#")
    }
    (group,) = yaml.safe_load((HERE / "rules.yml").read_text())["groups"]
    assert len(group["rules"]) > 5
    for rule in group["rules"]:
        page, _, place = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbook.md"
        assert place in headings, rule["alert"]


def test_the_dashboard_is_what_its_maker_makes(tmp_path):
    copy = tmp_path / "make_dashboard.py"
    copy.write_text((HERE / "make_dashboard.py").read_text())
    subprocess.run([sys.executable, copy], check=True)

    assert json.loads((tmp_path / "dashboard.json").read_text()) == json.loads((HERE / "dashboard.json").read_text())
