"""Every defence is needed: with it switched off, in a copy of the code, the test that shows it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.defences.switches import DEFENCES, Defence

TOP = Path(__file__).parents[2]
PARTS = ("agent", "cli", "services", "shared", "tests", "pyproject.toml")
TESTS_FAILED = 1
"""Pytest's exit code for that; others mean that nothing was tried."""


@pytest.fixture
def code(tmp_path):
    """A copy of the code that the tests are run on."""
    for part in PARTS:
        source = TOP / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


@pytest.mark.timeout(600)
@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name.partition(":")[0])
def test_without_it_a_test_fails(code, defence):
    file = code / defence.file
    whole = file.read_text()
    assert whole.count(defence.text) == 1, f"{defence.file} has changed: say anew how to switch it off"
    passed = tried(code, defence)
    assert passed.returncode == 0, passed.stdout[-3000:] + passed.stderr[-1000:]
    file.write_text(whole.replace(defence.text, defence.without))
    failed = tried(code, defence)
    assert failed.returncode == TESTS_FAILED, failed.stdout[-3000:] + failed.stderr[-1000:]


def tried(code: Path, defence: Defence) -> subprocess.CompletedProcess[str]:
    """What comes of the defence's test, on this copy of the code."""
    plugins = ("-p", "no:cacheprovider", "-p", "no:xdist")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, defence.test],
        cwd=code,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
