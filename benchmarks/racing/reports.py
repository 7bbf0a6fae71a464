"""What a race says, as markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.racing.programme import Row, Table, Task
from benchmarks.racing.race import Lap, Spread, seconds, times
from benchmarks.tables import table

Laps = Mapping[Task, Sequence[Lap]]


def machine(threads: int) -> str:
    """On what a race is run."""
    try:
        cpus = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    parts = [f"{name}, {os.cpu_count()} cores, {threads} threads used", f"Python {platform.python_version()}"]
    return ", ".join([*parts, f"torch {version('torch')}"])


def load() -> str:
    """How many processes want to run, a mean over the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def raced_table(shown: Table, laps: Laps) -> str:
    """A table of the programme; rows that did not get through are left out, columns that say nothing too."""
    heads = ["", "seconds", "least–most", "audio, s", "real-time factor", shown.compared, "peak memory, MB"]
    rows = []
    for row in shown.rows:
        if not laps.get(row.task):
            continue
        own, took = laps[row.task], seconds(laps[row.task])
        audio = Spread.of([lap.audio for lap in own]).median
        rows.append(
            [
                row.label,
                figure(took.median),
                f"{figure(took.least)}–{figure(took.most)}",
                figure(audio) if audio else "",
                figure(Spread.of([lap.cost for lap in own]).median) if audio else "",
                beside(row, laps) if shown.compared else "",
                f"{min(lap.memory for lap in own):.0f}" if all(lap.memory for lap in own) else "",
            ]
        )
    kept = [i for i in range(len(heads)) if i == 0 or any(row[i] for row in rows)]
    return titled(shown.title, table([heads[i] for i in kept], [[row[i] for i in kept] for row in rows]))


def roofline_table(made_of: Table, laps: Laps, gflop: Mapping[Task, float]) -> str:
    """What each task computes, how fast, and what share that is of the plain product, the first row."""
    product = made_of.rows[0]
    rates = {t: gflop[t] / seconds(own).median for t, own in laps.items() if own and t in gflop}
    if product.task not in rates:
        return ""
    rows = []
    for row in made_of.rows:
        if rate := rates.get(row.task):
            audio = Spread.of([lap.audio for lap in laps[row.task]]).median
            each = figure(gflop[row.task] / audio) if audio else ""
            share = f"{rate / rates[product.task]:.2f}"
            rows.append([row.label, figure(gflop[row.task]), each, figure(rate), share])
    heads = ["", "GFLOP", "GFLOP per audio second", "GFLOP/s", "share of the product's"]
    return titled("Roofline", table(heads, rows))


def phases_table(title: str, phases: Mapping[str, float]) -> str:
    """Where the time of a call goes."""
    total = sum(phases.values())
    rows = [[name, f"{1000 * s:.0f}", f"{s / total:.0%}"] for name, s in phases.items()]
    return titled(f"Where the time goes: {title}", table(["", "ms", "share"], rows))


def titled(title: str, body: str) -> str:
    return f"**{title}**\n\n{body}"


def figure(value: float) -> str:
    """Three digits, none of them in exponents."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def beside(row: Row, laps: Laps) -> str:
    """How many times the cost of the other task."""
    if row.task == row.against:
        return "1"
    if not laps.get(row.against):
        return ""
    of = times(laps[row.task], laps[row.against])
    return f"{of.median:.2f} ({of.least:.2f}–{of.most:.2f})"
