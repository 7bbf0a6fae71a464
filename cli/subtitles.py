"""Subtitles: what is said when."""

import html
import json
from functools import partial
from pathlib import Path
from typing import Any

from maskaudio.cli.output import check_folder, free_path
from maskaudio.errors import UsageError
from maskaudio.files import write_file

KINDS = (".srt", ".vtt", ".json")


def check_subtitles(path: Path) -> None:
    """Raise UsageError where `path` names no kind of subtitles or lies in no folder."""
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{path}: subtitles end in {', '.join(KINDS)}")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a file")
    check_folder(path.parent)


def write_subtitles(path: Path, cues: list[dict[str, Any]], *, overwrite: bool) -> Path:
    """Write cues ("text", "start" and "end" in seconds, "words"); the suffix of `path` says the format.

    Returns the path taken: an existing file is kept, the name gets a number.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        said = json.dumps(cues, ensure_ascii=False, indent=1) + "\n"
    else:
        comma, shown = (",", str) if kind == ".srt" else (".", partial(html.escape, quote=False))
        blocks = [
            f"{i}\n{_clock(c['start'], comma)} --> {_clock(c['end'], comma)}\n{shown(c['text'])}\n"
            for i, c in enumerate(cues, 1)
        ]
        said = ("WEBVTT\n\n" if kind == ".vtt" else "") + "\n".join(blocks)
    path = path if overwrite else free_path(path)
    write_file(path, said.encode(errors="replace"), overwrite=overwrite)
    return path


def _clock(seconds: float, comma: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{comma}{rest % 1000:03}"
