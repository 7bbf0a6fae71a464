"""Finding training clips: a folder with .txt beside audio, a CSV/JSONL manifest, or tar shards."""

import csv
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskaudio.errors import UsageError

AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff"}


@dataclass(frozen=True)
class Clip:
    """One recording: where it lies, how it is described, and every other field of its metadata."""

    name: str
    path: Path
    member: str | None = None  # name inside the tar file at `path`
    captions: tuple[str, ...] = ()
    split: str = "train"
    fields: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Refused:
    """A clip that cannot be trained on, and why."""

    name: str
    reason: str


def find_clips(source: Path, valid_share: float = 0.02) -> tuple[list[Clip], list[Refused]]:
    """All clips at `source` (a folder, a manifest file, or a folder of shards with metadata.jsonl).

    Where the metadata names no `split`, a fixed share of the clips (by a hash of the name) is kept for
    validation. Raises UsageError where nothing is found.
    """
    if not source.exists():
        raise UsageError(f"{source}: no such file or folder")
    clips: list[Clip] = []
    refused: list[Refused] = []
    for found in _entries(source, valid_share):
        (clips if isinstance(found, Clip) else refused).append(found)
    if not clips and not refused:
        raise UsageError(
            f"{source}: no audio found (expected {' '.join(sorted(AUDIO))}, a .csv or .jsonl "
            "manifest, or tar shards with metadata.jsonl)"
        )
    return clips, refused


def _entries(source: Path, valid_share: float) -> Iterator[Clip | Refused]:
    if source.is_file():
        yield from _manifest(source, valid_share)
    elif (source / "metadata.jsonl").is_file():
        yield from _manifest(source / "metadata.jsonl", valid_share)
    elif (source / "metadata.csv").is_file():
        yield from _manifest(source / "metadata.csv", valid_share)
    else:
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in AUDIO):
            text = path.with_suffix(".txt")
            name = str(path.relative_to(source))
            try:
                lines = text.read_text(encoding="utf-8-sig").splitlines() if text.is_file() else []
            except UnicodeDecodeError:
                yield Refused(name, "its .txt is not UTF-8 text")
                continue
            captions = tuple(line.strip() for line in lines if line.strip())
            yield Clip(name, path, captions=captions, split=_split(name, valid_share))


def _manifest(path: Path, valid_share: float) -> Iterator[Clip | Refused]:
    for number, row in _rows(path):
        if isinstance(row, str):
            yield Refused(f"{path.name}:{number}", row)
            continue
        name = row.get("file") or row.get("path") or row.get("audio")
        if not name or not isinstance(name, str):
            yield Refused(f"{path.name}:{number}", "no field 'file'")
            continue
        captions = row.get("captions") or row.get("caption") or row.get("text") or ()
        captions = (captions,) if isinstance(captions, str) else captions
        split = row.get("split") or _split(name, valid_share)
        shard = row.get("shard") or ""
        texts = [split, shard, *captions] if isinstance(captions, list | tuple) else [None]
        if not all(isinstance(text, str) for text in texts):
            yield Refused(name, "captions, split and shard must be text")
            continue
        where = path.parent / (shard or name)
        if not where.is_file():
            yield Refused(name, f"{where.name} is missing")
            continue
        yield Clip(name, where, name if shard else None, tuple(captions), split, row)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    if path.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"{path}: a manifest ends in .csv or .jsonl")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some spreadsheets begin a CSV with a mark
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None
    if path.suffix == ".csv":
        yield from enumerate(csv.DictReader(io.StringIO(text, newline="")), 2)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            row = f"not JSON: {error.msg}"
        yield number, row if isinstance(row, dict | str) else "not a table of fields"


def _split(name: str, valid_share: float) -> str:
    return "valid" if zlib.crc32(name.encode()) % 10000 < valid_share * 10000 else "train"


def read_clips(clips: list[Clip]) -> Iterator[tuple[Clip, io.BytesIO | Path | Refused]]:
    """Each clip with something soundfile can open, or why there is nothing; every tar is opened once."""
    by_path: dict[Path, list[Clip]] = {}
    for clip in clips:
        by_path.setdefault(clip.path, []).append(clip)
    for path, group in by_path.items():
        if group[0].member is None:
            yield from ((clip, path) for clip in group)
            continue
        yield from _members(path, group)


def _members(path: Path, clips: list[Clip]) -> Iterator[tuple[Clip, io.BytesIO | Refused]]:
    try:
        with tarfile.open(path) as tar:
            for clip in clips:
                yield clip, _member(tar, clip)
    except (tarfile.TarError, OSError):
        yield from ((clip, Refused(clip.name, f"{path.name} is not a tar file")) for clip in clips)


def _member(tar: tarfile.TarFile, clip: Clip) -> io.BytesIO | Refused:
    try:
        file = tar.extractfile(clip.member)
    except (KeyError, tarfile.TarError, OSError):
        file = None
    if file is None:
        return Refused(clip.name, f"is not in {clip.path.name}, or {clip.path.name} is cut")
    return io.BytesIO(file.read())
