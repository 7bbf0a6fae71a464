"""Which voices there are and where they lie: without torch."""

import json
from pathlib import Path

from maskaudio.checkpoints.registry import home
from maskaudio.errors import MaskaudioError, UsageError

KIND, VERSION = "maskaudio voice", "1"


def voice_files(model: Path) -> dict[str, Path]:
    """Every voice for the speech model in folder `model`: its own first, then the person's.

    A person's voice by the name of one of the model's is not reached.
    """
    found: dict[str, Path] = {}
    for place in (model / "voices", own_voices()):
        for path in sorted(place.glob("*.safetensors")) if place.is_dir() else ():
            found.setdefault(path.stem, path)
    return found


def own_voices() -> Path:
    """The folder of the person's own voices."""
    return home() / "voices"


def read_voice_notes(path: Path) -> dict[str, str]:
    """What a voice file says beside its tokens: codec_hash, tokens_hash, and what is known of the voice.

    Raises UsageError where there is no such file, MaskaudioError where it is foreign or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            notes = file.metadata() or {}
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except SafetensorError:
        raise MaskaudioError(f"{path}: not a voice file, or damaged") from None
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot be read ({error.strerror or error})") from None
    if notes.get("kind") != KIND:
        raise MaskaudioError(f"{path}: not a voice file")
    if notes.get("version") != VERSION:
        raise MaskaudioError(f"{path}: voice file of version {notes.get('version')}, not {VERSION}")
    try:
        about = json.loads(notes["about"])
        return {k: str(v) for k, v in about.items()} | {k: notes[k] for k in ("codec_hash", "tokens_hash")}
    except (KeyError, ValueError, AttributeError):
        raise MaskaudioError(f"{path}: damaged voice file") from None
