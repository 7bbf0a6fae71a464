"""What an evaluation says: figures with ceiling and floor, each clip's share in them, how it was done."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from maskaudio.audio import Audio
from maskaudio.config import from_dict
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.evaluation.measures import HIGHER, MEASURES, Measure, measure
from maskaudio.evaluation.scores import Figure, Part, difference, ratio

CLIPS, CEILING, FLOOR = "clips", "ceiling", "floor"
WORST_BY = ("wer", "per", "top5", "fit", "mel", "ovrl")  # the first of these that a clip has, then the next
PACKAGES = ("torch", "numpy", "faster-whisper", "jiwer", "Resemblyzer", "speechmos", "auraloss", "pesq")
PACKAGES += ("pystoi", "torchmetrics", "soxr")
Watch = Callable[[int, int], None]  # clips done, of how many


@dataclass(frozen=True)
class Scored:
    """One clip: what was asked and heard, and by measure its amount and weight (wrong words, and words)."""

    name: str
    asked: str = ""
    heard: str = ""
    parts: dict[str, Part] = field(default_factory=dict)

    def value(self, key: str) -> float:
        """The clip's own figure."""
        amount, weight = self.parts[key]
        return amount / weight


@dataclass(frozen=True)
class Comparison:
    """Figures less those of another report, over the clips of which the same was asked."""

    name: str
    pairs: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Report:
    """All of an evaluation, as report.json holds it.

    systems: what stands in each column, beside "clips" perhaps "ceiling" and "floor". figures: column →
    measure → figure. tools: what measured (a recogniser, a judge); only figures by the same are compared.
    missing: measure → why it is left out.
    """

    kind: str
    manifest: str
    systems: dict[str, str]
    measures: dict[str, Measure]
    figures: dict[str, dict[str, Figure]]
    clips: tuple[Scored, ...]
    tools: dict[str, str]
    settings: dict[str, str]
    versions: dict[str, str]
    missing: dict[str, str]
    comparison: Comparison | None = None

    def worst(self) -> list[int]:
        """The clips' positions, the worst first."""
        keys = [key for key in WORST_BY if key in self.figures[CLIPS]]

        def goodness(i: int) -> list[float]:
            clip = self.clips[i]
            signs = {key: 1 if self.measures[key].better == HIGHER else -1 for key in keys}
            return [signs[key] * clip.value(key) if key in clip.parts else math.inf for key in keys]

        return sorted(range(len(self.clips)), key=goodness)

    def table(self) -> list[list[str]]:
        """Header and rows: the measure, then for every column its figure with the 95 % interval, or –."""
        ours = self.comparison
        header = [f"{len(self.clips)} clips", *self.systems.values()]
        header += [f"less {ours.name}, {ours.pairs} pairs"] if ours else []
        columns = [self.figures.get(system, {}) for system in self.systems]
        rows = [header]
        for key, known in self.measures.items():
            cells = [_cell(known, column.get(key)) for column in columns]
            if ours:
                found = ours.figures.get(key)
                doubt = ", may be chance" if found and not found.sure else ""
                cells.append(_cell(known, found, "+") + doubt)
            about = ", ".join(filter(None, [known.unit, known.better and f"{known.better} is better"]))
            rows.append([f"{known.title} ({about})" if about else known.title, *cells])
        return rows


@dataclass(frozen=True)
class Evaluation:
    """A report, and by a clip's position what there is to hear of it: the clip and what stands beside it."""

    report: Report
    sounds: Callable[[int], dict[str, Audio]]


def make_report(
    kind: str,
    manifest: Path,
    clips: Sequence[Scored],
    columns: Mapping[str, tuple[str, Sequence[dict[str, Part]]]],
    *,
    of_set: Mapping[str, Figure] | None = None,
    tools: Mapping[str, str],
    settings: Mapping[str, str],
    missing: Mapping[str, str],
) -> Report:
    """Figures out of what the clips add up to.

    columns: "ceiling" and "floor" → what stands there, and the parts of its clips. of_set: figures of the
    clips as a whole.
    """
    parts = {CLIPS: [clip.parts for clip in clips]} | {name: found for name, (_, found) in columns.items()}
    figures = {name: _figures(found) for name, found in parts.items()}
    figures[CLIPS] |= of_set or {}
    known = {key for found in figures.values() for key in found} | set(missing)
    order = list(MEASURES)
    keys = sorted(known, key=lambda key: (order.index(key.split(".")[0]), len(key), key))
    titles = {CLIPS: "clips"} | {name: f"{name}: {title}" for name, (title, _) in columns.items()}
    return Report(
        kind,
        str(manifest),
        {name: title for name, title in titles.items() if figures[name]},
        {key: measure(key) for key in keys},
        figures,
        tuple(clips),
        dict(tools),
        dict(settings),
        _versions(),
        dict(missing),
    )


def read_report(path: Path) -> Report:
    """A report from its folder or its JSON file. Raises UsageError, MaskaudioError where it is none."""
    import json

    path = path / "report.json" if path.is_dir() else path
    try:
        report = from_dict(Report, json.loads(path.read_bytes()), str(path))
        if not all(len(part) == 2 and part[1] > 0 for clip in report.clips for part in clip.parts.values()):
            raise ValueError
        return report
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise MaskaudioError(f"{path}: not a report of 'maskaudio eval'") from None


def compare(report: Report, other: Report, name: str) -> Report:
    """The report with its differences to another: clips are paired by what was asked of them.

    Raises UsageError where nothing can be compared: another kind, other tools, or fewer than two pairs.
    """
    if report.kind != other.kind:
        raise UsageError(f"{name}: is about {other.kind}, this about {report.kind}")
    for tool in report.tools.keys() & other.tools.keys():
        if report.tools[tool] != other.tools[tool]:
            raise UsageError(f"{name}: measured with {tool} {other.tools[tool]}, not {report.tools[tool]}")
    twins = _by_asked(other.clips)
    pairs = [(clip, twins[key]) for key, clip in _by_asked(report.clips).items() if key in twins]
    if len(pairs) < 2:
        raise UsageError(f"{name}: fewer than two of its clips were asked for the same")
    figures = {}
    for key in report.measures:
        both = [(a.parts[key], b.parts[key]) for a, b in pairs if key in a.parts and key in b.parts]
        if both:
            figures[key] = difference(*zip(*both, strict=True))
    return replace(report, comparison=Comparison(name, len(pairs), figures))


def _by_asked(clips: Sequence[Scored]) -> dict[tuple[str, int], Scored]:
    """Clips by their text or prompt, else their file's name; of several with one text each has its number."""
    seen: defaultdict[str, int] = defaultdict(int)
    found = {}
    for clip in clips:
        key = clip.asked or Path(clip.name).name
        seen[key] += 1
        found[key, seen[key]] = clip
    return found


def _figures(clips: Sequence[dict[str, Part]]) -> dict[str, Figure]:
    keys = dict.fromkeys(key for parts in clips for key in parts)
    return {key: ratio([parts[key] for parts in clips if key in parts]) for key in keys}


def _cell(known: Measure, figure: Figure | None, sign: str = "") -> str:
    if figure is None:
        return "–"
    value = f"{'+' if sign and figure.value > 0 else ''}{known.text(figure.value)}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({known.text(figure.low)}{'–' if figure.low >= 0 else ' to '}{known.text(figure.high)})"


def _versions() -> dict[str, str]:
    from maskaudio import __version__

    found = {"maskaudio": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
