"""Pictures of a race: time over length, what costs how many times as much, where the time goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.racing.programme import PROCESS, Table
from benchmarks.racing.race import Spread, seconds, times
from benchmarks.racing.reports import Laps

LENGTHS = {("sound", "generate"): "generate", ("speech", "speak"): "speak"}


def plot_lengths(laps: Laps, others: Mapping[str, str], file: Path) -> bool:
    """Seconds of work over seconds of audio, one clip a call; whole processes dashed. `others` speak, too."""
    import matplotlib.pyplot as plt

    lines: dict[tuple[str, bool], list[tuple[float, Spread]]] = {}
    for task, own in laps.items():
        cold, audio = task.who == PROCESS, own[0].audio if own else 0
        name = task.do if cold else LENGTHS.get((task.who, task.do)) or others.get(task.who)
        if name and audio and set(task.asked) == {"seconds"}:
            lines.setdefault((name, cold), []).append((audio, seconds(own)))
    lines = {name: sorted(points, key=lambda p: p[0]) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return False
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    names = list(dict.fromkeys(name for name, _ in lines))
    for (name, cold), points in lines.items():
        audio, spreads = zip(*points, strict=True)
        middle = [s.median for s in spreads]
        off = [[s.median - s.least for s in spreads], [s.most - s.median for s in spreads]]
        style = {"color": f"C{names.index(name)}", "linestyle": "--" if cold else "-", "marker": "o", "ms": 4}
        axes.errorbar(audio, middle, off, label=name + (", whole process" if cold else ""), **style)
    ends = axes.get_xlim()
    axes.plot(ends, ends, color="0.7", linewidth=1, label="real time", zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="audio made, s", ylabel="time taken, s")
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return True


def plot_ratios(tables: Sequence[Table], laps: Laps, file: Path) -> bool:
    """The comparisons of tables as bars."""
    import matplotlib.pyplot as plt

    shown = []
    for table in tables:
        rows = [
            (r.label, times(laps[r.task], laps[r.against]))
            for r in table.rows
            if r.against and laps.get(r.task) and laps.get(r.against)
        ]
        if table.compared and len(rows) > 1:
            shown.append((table, rows))
    if not shown:
        return False
    heights = [0.9 + 0.3 * len(rows) for _, rows in shown]
    figure, panels = plt.subplots(
        len(shown),
        1,
        figsize=(7, sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axes, (table, rows) in zip(panels[:, 0], shown, strict=True):
        labels, spreads = zip(*rows[::-1], strict=True)
        middle = [s.median for s in spreads]
        off = [[s.median - s.least for s in spreads], [s.most - s.median for s in spreads]]
        bars = axes.barh(range(len(labels)), middle, xerr=off, color="C0", error_kw={"ecolor": "0.3"})
        axes.bar_label(bars, [f"{m:.2f}" for m in middle], padding=8, fontsize=8)
        axes.set_yticks(range(len(labels)), labels, fontsize=8)
        axes.axvline(1, color="0.6", linewidth=1)
        axes.margins(x=0.15)
        axes.set_title(table.title, fontsize=9)
        axes.set_xlabel(table.compared, fontsize=8)
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return True


def plot_phases(phases: Mapping[str, Mapping[str, float]], file: Path) -> bool:
    """Where the time of each call goes, a bar a call."""
    import matplotlib.pyplot as plt

    if not phases:
        return False
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.9 * len(phases)), layout="constrained")
    names = list(dict.fromkeys(name for one in phases.values() for name in one))
    colours = plt.get_cmap("tab20").colors
    for at, one in enumerate(phases.values()):
        left, total = 0.0, sum(one.values())
        for name, spent in one.items():
            colour = colours[names.index(name) % len(colours)]
            first = not any(name in other for other in list(phases.values())[:at])
            axes.barh(-at, spent / total, left=left, color=colour, label=name if first else None)
            left += spent / total
    axes.set_yticks([-at for at in range(len(phases))], list(phases), fontsize=8)
    axes.set(xlim=(0, 1), xlabel="share of the time")
    figure.legend(loc="outside right center", fontsize=7)
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return True
