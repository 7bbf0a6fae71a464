"""The clips to be judged: rows of a manifest, their files found and heard before any work begins."""

import functools
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskaudio.audio import Audio, read_audio, resample
from maskaudio.batch.manifest import Row, kind_of, read_manifest
from maskaudio.errors import MaskaudioError, UsageError

COLUMNS = {  # kind of evaluation → its columns, those that a row cannot do without first
    "speech": ("file", "text", "voice", "speaker", "reference"),
    "sound": ("file", "prompt", "labels", "reference"),
    "codec": ("file", "text", "reference"),
}
NEEDED = {"speech": 1, "sound": 2, "codec": 1}


@dataclass(frozen=True)
class Case:
    """One clip: where its files lie, what was asked for (a text or a prompt), and who should speak."""

    line: int
    name: str  # as the manifest has it
    file: Path
    asked: str = ""
    reference: Path | None = None
    voice: Path | None = None
    speaker: str = ""  # whose clips are not another's; the voice's file where nothing says
    labels: tuple[str, ...] = ()

    def wave(self, rate: int, path: Path | None = None) -> np.ndarray:
        """float32 [N], channels averaged, at `rate`: of the clip, or of another file of the row."""
        clip = _read(path or self.file)
        mono = np.ascontiguousarray(clip.samples.mean(0))
        if clip.sample_rate == rate:
            return mono
        try:
            import soxr  # as DNSMOS and Resemblyzer resample: with another filter P.808 moves by 0.1
        except ImportError:
            return resample(mono, clip.sample_rate, rate)
        return soxr.resample(mono, clip.sample_rate, rate)


def read_cases(manifest: Path, kind: str) -> list[Case]:
    """The rows of a CSV, TSV or JSONL file for `kind`; a warning names columns that say nothing to it.

    Paths begin at the manifest's folder. Every file is read once, before any work. Raises UsageError for a
    row that lacks something, MaskaudioError for a file that is no audio; both name the line.
    """
    try:
        data = manifest.read_bytes()
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise UsageError(f"{manifest}: {why}") from None
    if (written := kind_of(manifest, data)) == "text":
        raise UsageError(f"{manifest}: give a manifest that ends in .csv, .tsv or .jsonl")
    rows = read_manifest(data, written)
    cases = [_case(row, manifest.parent, kind) for row in rows]
    for case in cases:
        for path in {case.file, case.reference, case.voice} - {None}:
            try:
                heard = _read(path)
            except MaskaudioError as error:
                raise type(error)(f"line {case.line}: {error}") from None
            if heard.duration < 0.05:
                raise MaskaudioError(
                    f"line {case.line}: {path}: {heard.duration:.3f} s are too short to judge"
                )
    known = {*COLUMNS[kind], *(("prompt",) if kind == "speech" else ())}
    if unused := sorted({column for row in rows for column in row.cells} - known):
        logging.getLogger("maskaudio").warning("not used: %s", ", ".join(unused))
    return cases


def another(asked: list[str], step: int = 1) -> list[int] | None:
    """For each clip one further down the list of which something else was asked; None where nothing else was.

    The last are followed by the first. Whoever gets the other's words instead of their own has the floor.
    """
    count = len(asked)
    found = []
    for i, own in enumerate(asked):
        order = ((i + step + k) % count for k in range(count))
        other = next((j for j in order if asked[j] != own), None)
        if other is None:
            return None
        found.append(other)
    return found


def _case(row: Row, home: Path, kind: str) -> Case:
    cells = dict(row.cells)
    if row.problem:
        raise UsageError(f"line {row.line}: {row.problem}")
    if kind == "speech" and "prompt" in cells:
        # manifests of scorers call the voice's clip a prompt
        if "voice" not in cells and not (home / cells["prompt"]).is_file():
            raise UsageError(f"line {row.line}: prompt: for speech that is a clip of the voice; no such file")
        cells.setdefault("voice", cells["prompt"])
    for column in COLUMNS[kind][: NEEDED[kind]]:
        if column not in cells:
            raise UsageError(f"line {row.line}: '{column}' is empty, or no such column")
    paths = {name: home / cells[name] for name in ("file", "reference", "voice") if name in cells}
    for name in ("reference", "voice"):
        if name not in COLUMNS[kind]:
            paths.pop(name, None)
    labels = cells.get("labels", "").replace(";", ",").split(",")
    return Case(
        row.line,
        cells["file"],
        **paths,
        asked=cells.get("prompt" if kind == "sound" else "text", ""),
        speaker=cells.get("speaker", cells.get("voice", "")),
        labels=tuple(label.strip() for label in labels if label.strip()),
    )


@functools.lru_cache(maxsize=4)  # the measures of a clip ask for it at several rates
def _read(path: Path) -> Audio:
    return read_audio(path)
