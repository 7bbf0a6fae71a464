"""Whose clips they are, and a voice out of them for each speaker."""

import logging
import re
from pathlib import Path

import numpy as np

from maskaudio.audio import Audio
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import SpeechTokeniser
from maskaudio.errors import UsageError
from maskaudio.pipelines.voices import Voice, voice_from_clip
from maskaudio.training.clips import Clip
from maskaudio.training.store import AudioStore

MOST = 10  # speakers; more are a corpus, and a list of all its voices helps nobody


def speaker_of(clip: Clip) -> str:
    """Who speaks in a clip: as its metadata say, else its folder."""
    return str(clip.fields.get("speaker") or clip.path.parent)


def save_voices(store: AudioStore, folder: Path, codec: Codec, tokeniser: SpeechTokeniser) -> None:
    """Write a voice for each speaker of `store` to `folder`, by the name of the speaker, or of its folder.

    It is the longest clip that makes a voice. Of more than ten speakers none is written.
    """
    clips: dict[str, list[int]] = {}
    for i in np.argsort(-store.seconds, kind="stable"):
        clips.setdefault(speaker_of(store.clips[i]), []).append(int(i))
    for speaker, own in sorted(clips.items()) if len(clips) <= MOST else ():
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(speaker).name).strip("_-") or "voice"
        if voice := _first_voice(store, own, name, codec, tokeniser):
            folder.mkdir(parents=True, exist_ok=True)
            voice.save(folder / f"{name}.safetensors")
        else:
            logging.getLogger("maskaudio").warning(
                "no clip of '%s' makes a voice: give one of 2 to 30 s to --voice", name
            )


def _first_voice(
    store: AudioStore, clips: list[int], name: str, codec: Codec, tokeniser: SpeechTokeniser
) -> Voice | None:
    for i in clips:
        clip = store.clips[i]
        wave = store.wave(i).astype(np.float32) / 32768.0
        about = {"language": str(clip.fields.get("lang", "en-us")), "source": clip.name}
        try:
            return voice_from_clip(Audio(wave[None], store.sample_rate), name, codec, tokeniser, about)
        except UsageError:
            continue  # too long, clipped, or hardly speech
    return None
