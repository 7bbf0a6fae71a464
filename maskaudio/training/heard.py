"""What is said in clips that came without a text: asked of a recogniser once, and kept in the run folder."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from maskaudio.audio import resample
from maskaudio.devices import pick_device
from maskaudio.training.clips import Clip, read_clips
from maskaudio.training.counted import counted
from maskaudio.training.store import clip_key, read_wave

NOTES = "heard.jsonl"


def transcriber(recogniser: Path, run: Path, device: str = "auto") -> Callable[[list[Clip]], list[Clip]]:
    """A function that gives clips without a text what a recogniser hears in them; others stay as they are.

    recogniser: a folder of faster-whisper's; nothing is fetched. `run`/heard.jsonl keeps a line a clip, so
    that each is heard once, and whoever knows better can correct its text. The function raises UsageError
    where the folder holds no model, MaskaudioError where faster-whisper is not installed.
    """
    notes = run / NOTES

    def told(clips: list[Clip]) -> list[Clip]:
        mute = [clip for clip in clips if not _says(clip)]
        known = _read(notes)
        if new := [clip for clip in mute if _name(clip) not in known]:
            _listen(new, recogniser, notes, device)
            known = _read(notes)
        texts = {id(clip): text for clip in mute if (text := known.get(_name(clip)))}
        return [replace(c, captions=(texts[id(c)],)) if id(c) in texts else c for c in clips]

    return told


def _listen(clips: list[Clip], recogniser: Path, notes: Path, device: str) -> None:
    """Add a line to `notes` for each clip that can be read."""
    from maskaudio.evaluation.recogniser import Whisper

    ear = Whisper(recogniser, device=pick_device(device))
    logging.getLogger("maskaudio").info("%d clips have no text: %s listens", len(clips), ear.name)
    notes.parent.mkdir(parents=True, exist_ok=True)
    with notes.open("a", encoding="utf-8") as file:
        for clip, source in counted(read_clips(clips), len(clips), "listening"):
            read = read_wave(source)
            if isinstance(read, str):
                continue  # is refused when it is stored, with the reason
            text = ear.hear(resample(*read, ear.rate))
            line = json.dumps({"clip": clip_key(clip), "text": text}, ensure_ascii=False)
            file.write(line + "\n")
            file.flush()  # what was heard before a kill need not be heard again


def _says(clip: Clip) -> bool:
    return bool(clip.captions or clip.fields.get("symbols") or clip.fields.get("phonemes"))


def _name(clip: Clip) -> str:
    return json.dumps(clip_key(clip))


def _read(notes: Path) -> dict[str, str]:
    """Texts by clip; of several lines for a clip the last counts, and one cut off by a kill does not."""
    known = {}
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else []:
        try:
            row = json.loads(line)
            known[json.dumps(row["clip"])] = str(row["text"])
        except (ValueError, KeyError, TypeError):
            continue
    return known
