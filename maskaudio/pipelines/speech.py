"""Text → speech: what a text asks for, sentence by sentence; saying it is pipelines/saying.py."""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskaudio.audio import Audio
from maskaudio.checkpoints.registry import find_model, kind_of
from maskaudio.checkpoints.voices import read_voice_notes, voice_files
from maskaudio.checks import check_seed, pick_seeds
from maskaudio.decoding.engine import Progress
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.pipelines.saying import Asked, Manner, Utterance, in_turn, together
from maskaudio.pipelines.speech_model import (
    FASTEST,
    SLOWEST,
    load,
    natural_frames,
    unit_features,
    unit_frames,
    voice_pace,
    what_is_asked,
)
from maskaudio.pipelines.tags import provenance
from maskaudio.pipelines.voices import Voice
from maskaudio.text.phones import LANGUAGES, check_language
from maskaudio.text.script import read_script
from maskaudio.text.units import units


def speak(
    text: str | Sequence[str],
    *,
    voice: str | Path | Voice | Sequence[str | Path | Voice | None] | None = None,
    voice_text: str | None = None,
    language: str | None = None,
    voice_language: str | None = None,
    engine: str = "lexicon",
    speed: float | None = 1.0,
    duration: float | None = None,
    seed: int | Sequence[int] | None = None,
    model: str | Path = "speech",
    steps: int | Sequence[int] | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    candidates: int = 1,
    pronunciations: Mapping[str, str] | None = None,
    device: str = "auto",
    dtype: str | None = None,
    observer: Callable[[Progress], None] | None = None,
) -> Audio | list[Audio]:
    """Say `text`, as long as you like, and return all of it; `utterances` yields it sentence by sentence.

    Of a list of texts a list comes back; they are decoded side by side, and may have a voice and a seed each.
    voice: a voice's name, a voice file, or a clip of 2 to 30 s; absent, the model's first. speed: 1 is the
    model's own pace, None that of the voice's clip (exact where `voice_text` gives its words). duration:
    seconds that the whole shall take. language: en-us or en-gb; absent, the voice's. voice_language: of
    `voice_text`, where it is another. engine: what reads the
    text, see text/phonemes.py. seed: drawn where absent, and in the result's `tags`. steps: reveals of
    semantic tokens and of the first acoustic stream together, or of every stage. candidates: how many times
    each sentence is made; the one that the tokeniser understands best is kept. model: ours, or a published
    MaskGCT, which needs `voice_text` (pipelines/maskgct.py). dtype: see `speech_model.load`. UsageError for
    senseless values.
    """
    alone = isinstance(text, str)
    texts = [text] if alone else list(text)
    seeds = pick_seeds(seed, len(texts))
    voices = [voice] * len(texts) if isinstance(voice, str | Path | Voice) or voice is None else list(voice)
    if len(voices) != len(texts):
        raise UsageError(f"{len(voices)} voices for {len(texts)} texts: give one, or one each")
    manner = Manner(speed, duration, steps, guidance, temperature, top_p, candidates)
    how = {"voice_text": voice_text, "language": language, "engine": engine, "model": model, "device": device}
    how |= {"voice_language": voice_language, "pronunciations": pronunciations}
    each = zip(texts, voices, seeds, strict=True)
    if alone or is_published(model):
        how |= {"dtype": dtype, "observer": observer, **dataclasses.asdict(manner)}
        said = [list(utterances(one, voice=who, seed=number, **how)) for one, who, number in each]
    else:
        how |= {"dtype": dtype}
        waiting = [list(_asked(one, manner, voice=who, seed=number, **how)) for one, who, number in each]
        said = together(waiting, manner, observer)
    audios = [
        Audio(np.concatenate([u.with_pause() for u in own], 1), own[0].audio.sample_rate, own[0].audio.tags)
        for own in said
    ]
    return audios[0] if alone else audios


def utterances(
    text: str,
    *,
    voice: str | Path | Voice | None = None,
    voice_text: str | None = None,
    language: str | None = None,
    voice_language: str | None = None,
    engine: str = "lexicon",
    seed: int = 0,
    model: str | Path = "speech",
    pronunciations: Mapping[str, str] | None = None,
    device: str = "auto",
    dtype: str | None = None,
    observer: Callable[[Progress], None] | None = None,
    **how: Any,
) -> Iterator[Utterance]:
    """Say `text` sentence by sentence, each as soon as it is made, at constant memory; how: see Manner."""
    manner = Manner(**how)
    if is_published(model):
        from maskaudio.pipelines import maskgct

        if pronunciations:
            raise UsageError("pronunciations: a published model reads texts in its own way")
        told = {"voice": voice, "voice_text": voice_text, "language": language, "seed": seed, "model": model}
        told |= {"voice_language": voice_language, "device": device, "dtype": dtype, "observer": observer}
        yield from maskgct.utterances(text, manner, **told)
        return
    asked = _asked(
        text,
        manner,
        voice=voice,
        voice_text=voice_text,
        language=language,
        voice_language=voice_language,
        engine=engine,
        seed=seed,
        model=model,
        pronunciations=pronunciations,
        device=device,
        dtype=dtype,
    )
    yield from in_turn(asked, manner, observer)


def is_published(model: str | Path) -> bool:
    """Whether a model is a published one, MaskGCT. Raises UsageError for one that does not speak."""
    return kind_of(model, "speech", "maskgct") == "maskgct"


def _asked(
    text: str,
    manner: Manner,
    *,
    voice: str | Path | Voice | None,
    voice_text: str | None,
    language: str | None,
    voice_language: str | None,
    engine: str,
    seed: int,
    model: str | Path,
    pronunciations: Mapping[str, str] | None,
    device: str,
    dtype: str | None,
) -> Iterator[Asked]:
    """What a text asks for, sentence by sentence."""
    check_seed(seed)
    folder = find_model(model, "speech")
    voice = first_voice(folder) if voice is None else voice
    language = language or spoken_language(folder, voice)
    voice_language = voice_language or language
    check_language(voice_language)
    script = read_script(text, language=language, pronunciations=pronunciations, engine=engine)
    first = next(script)  # says what is wrong before anything is loaded
    speech = load(model, pick_device(device), dtype)
    speaker = speech.voice(voice)
    tags = provenance(speech.name, text, seed, voice=speaker.name)
    speed = manner.speed
    if speed is None:
        speed = voice_pace(speech, speaker, voice_text, voice_language)
    if manner.duration is not None:
        sentences = [first, *script]
        fixed = sum(s.pause for s in sentences if s.told)
        spoken = [units(s.phones) for s in sentences if s.phones]
        natural = sum(natural_frames(speech, u) for u in spoken) / speech.codec.frame_rate
        natural += sum(s.pause for s in sentences if not s.told)
        least = math.ceil(10 * (fixed + natural / FASTEST)) / 10
        most = math.floor(10 * (fixed + natural / SLOWEST)) / 10
        if not least <= manner.duration <= most:
            raise UsageError(f"duration {manner.duration:g} s: this text takes {least:.1f} to {most:.1f} s")
        speed = natural / (manner.duration - fixed)
        script, first = iter(sentences[1:]), sentences[0]
    for number, sentence in enumerate(itertools.chain([first], script)):
        said = durations = frames = None
        if sentence.phones:
            said = units(sentence.phones)
            features = unit_features(speech, said)
            durations = unit_frames(speech, features) / speed
            frames = what_is_asked(speech, features, durations)
        own_seed = int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:7], "big")
        sentence = sentence.at(speed)
        yield Asked(speech, sentence, said, durations, frames, speaker, language, own_seed, tags)


def first_voice(folder: Path) -> str:
    """The voice of those who ask for none."""
    name = next(iter(voice_files(folder)), None)
    if name is None:
        raise UsageError(f"model '{folder.name}' comes without voices: give a clip of 2 to 30 s as --voice")
    return name


def spoken_language(folder: Path, voice: str | Path | Voice) -> str:
    """The language that a voice says it speaks; American English where it says nothing."""
    if isinstance(voice, Voice):
        about = voice.about
    else:
        known = voice_files(folder).get(str(voice))
        if known is None and Path(voice).suffix == ".safetensors":
            known = Path(voice)
        about = read_voice_notes(known) if known else {}
    return about.get("language") or LANGUAGES[0]
