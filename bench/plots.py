"""Pictures of what `bench/results` holds; needs the dependency group `bench`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.figures import RESULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURES = Path(__file__).parents[1] / "docs" / "images" / "bench"
COLOURS = {"keepwatch": "#0f766e", "alertmanager": "#b45309"}
WHISKERS = {"ecolor": "#334155", "capsize": 3, "lw": 1}


@click.command()
def plots() -> None:
    """Draw every result in docs/images/bench."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for result in sorted(RESULTS.glob("*.json")):
        told = json.loads(result.read_text())
        if _draw(told["figures"], result.stem, PICTURES / f"{result.stem}.svg"):
            click.echo(PICTURES / f"{result.stem}.svg")


def _draw(figures: dict[str, Any], scenario: str, picture: Path) -> bool:
    from matplotlib import pyplot as plt  # noqa: PLC0415  of a group that only this needs

    plt.rcParams["svg.hashsalt"] = scenario  # the same figures give the same file
    if times := figures.get("milliseconds to the first byte"):
        chart, axes = plt.subplots(figsize=(8, 0.28 * len(times) + 1.2))
        _pages(axes, times)
    elif "alertmanager" in figures:
        names = list(figures["keepwatch"])
        chart, grid = plt.subplots(1, len(names), figsize=(2.2 * len(names) + 1.5, 3), squeeze=False)
        for axes, name in zip(grid[0], names, strict=True):
            _beside(axes, name, figures)
    elif sized := {
        name: each for name, each in figures.items() if isinstance(each, dict) and "alerts per second" in each
    }:
        chart, axes = plt.subplots(figsize=(8, 0.4 * len(sized) + 1.2))
        _bars(axes, {name: each["alerts per second"] for name, each in sized.items()})
        axes.set_xlabel("alerts per second")
    else:
        return False
    chart.suptitle(scenario)
    chart.tight_layout()
    chart.savefig(picture, metadata={"Date": None})
    plt.close(chart)
    return True


def _beside(axes: "Axes", name: str, figures: dict[str, Any]) -> None:
    for place, (system, colour) in enumerate(COLOURS.items()):
        told = figures[system][name]
        spread = [[told["median"] - told["min"]], [told["max"] - told["median"]]]
        axes.bar(place, told["median"], color=colour, yerr=spread, error_kw=WHISKERS)
    axes.set_xticks(range(len(COLOURS)), list(COLOURS), fontsize=8)
    axes.set_title(name, fontsize=9)


def _bars(axes: "Axes", told: dict[str, dict[str, float]]) -> None:
    medians = [each["median"] for each in told.values()]
    spread = [
        [each["median"] - each["min"] for each in told.values()],
        [each["max"] - each["median"] for each in told.values()],
    ]
    axes.barh(list(told), medians, color=COLOURS["keepwatch"], xerr=spread, error_kw=WHISKERS)
    axes.invert_yaxis()


def _pages(axes: "Axes", times: dict[str, dict[str, float]]) -> None:
    axes.barh(list(times), [each["p99"] for each in times.values()], color="#99d5cf", label="99th percentile")
    axes.barh(list(times), [each["p50"] for each in times.values()], color=COLOURS["keepwatch"], label="median")
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds to the first byte")
    axes.legend(fontsize=8)
