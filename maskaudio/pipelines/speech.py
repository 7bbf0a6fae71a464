"""Text → speech: sentences, semantic tokens, acoustic tokens behind those of a voice, the codec."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checkpoints.registry import find_model
from maskaudio.checkpoints.voices import read_voice_notes, voice_files
from maskaudio.checks import check_seed, in_range, pick_seed
from maskaudio.decoding.engine import Progress
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.loudness import normalise
from maskaudio.pipelines.speech_model import (
    FASTEST,
    SLOWEST,
    SpeechModel,
    load,
    natural_frames,
    speak_tokens,
    understood,
    unit_features,
    unit_frames,
    voice_pace,
    voice_tokens,
    what_is_asked,
)
from maskaudio.pipelines.tags import provenance
from maskaudio.pipelines.voices import Voice
from maskaudio.text.conventions import said_as_one
from maskaudio.text.phones import LANGUAGES, PAUSES
from maskaudio.text.script import Sentence, read_script
from maskaudio.text.units import Units, units

TOGETHER = 4  # candidates in one batch: memory stays small
FADE = 0.01  # seconds at both ends of a sentence
_QUOTES, _SIGNS = "\"'“‘([", "\"'”’)].,;:!?…"


@dataclass(frozen=True, eq=False)
class Utterance:
    """One sentence as spoken, without the silence after it; that is in `sentence.pause`.

    `words` are (word, start, end) in seconds from its beginning.
    """

    sentence: Sentence
    audio: Audio
    words: tuple[tuple[str, float, float], ...]

    def with_pause(self) -> np.ndarray:
        """Samples [1, N] of the sentence and of the silence after it."""
        return np.pad(self.audio.samples, ((0, 0), (0, round(self.sentence.pause * self.audio.sample_rate))))


@dataclass(frozen=True)
class Manner:
    """How to speak; None leaves a setting to the model. See `speak`."""

    speed: float | None = 1.0  # None: the voice's own pace
    duration: float | None = None
    steps: int | None = None
    guidance: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    candidates: int = 1

    def __post_init__(self) -> None:
        in_range("speed", self.speed, SLOWEST, FASTEST)
        in_range("candidates", self.candidates, 1, 64)
        in_range("steps", self.steps, 2, 1000)
        self._changes()
        if self.duration is not None and not (math.isfinite(self.duration) and self.duration > 0):
            raise UsageError(f"duration {self.duration}: give seconds above 0")
        if self.duration is not None and self.speed != 1.0:
            raise UsageError("a duration says how fast to speak: leave out the speed")

    def plans(self, model: SpeechModel) -> tuple[Plan, Plan]:
        """The model's plans of both stages as this manner changes them.

        A third of the steps reveal semantic tokens, the others the first acoustic stream.
        """
        first = rest = None
        if self.steps is not None:
            first = max(1, self.steps // 3)
            rest = [self.steps - first, *(stage.steps for stage in model.acoustic.stages[1:])]
        return (
            make_plan(model.semantic, self._changes(steps=first)),
            make_plan(model.acoustic, self._changes(steps=rest)),
        )

    def _changes(self, steps: int | list[int] | None = None) -> Changes:
        return Changes(steps, self.guidance, self.temperature, self.top_p)


def speak(
    text: str,
    *,
    voice: str | Path | Voice | None = None,
    voice_text: str | None = None,
    language: str | None = None,
    engine: str = "lexicon",
    speed: float | None = 1.0,
    duration: float | None = None,
    seed: int | None = None,
    model: str | Path = "speech",
    steps: int | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    candidates: int = 1,
    pronunciations: Mapping[str, str] | None = None,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
) -> Audio:
    """Say `text`, as long as you like, and return all of it; `utterances` yields it sentence by sentence.

    voice: a voice's name, a voice file, or a clip of 2 to 30 s; absent, the model's first. speed: 1 is the
    model's own pace, None that of the voice's clip (exact where `voice_text` gives its words). duration:
    seconds that the whole shall take. language: en-us or en-gb; absent, the voice's. engine: what reads the
    text, see text/phonemes.py. seed: drawn where absent, and in the result's `tags`. steps: reveals of
    semantic tokens and of the first acoustic stream. candidates: how many times each sentence is made; the
    one that the tokeniser understands best is kept. Raises UsageError for values that make no sense.
    """
    seed = pick_seed(seed)
    parts: list[np.ndarray] = []
    tags: dict[str, str] = {}
    said = utterances(
        text,
        voice=voice,
        voice_text=voice_text,
        language=language,
        engine=engine,
        seed=seed,
        model=model,
        pronunciations=pronunciations,
        device=device,
        observer=observer,
        speed=speed,
        duration=duration,
        steps=steps,
        guidance=guidance,
        temperature=temperature,
        top_p=top_p,
        candidates=candidates,
    )
    for utterance in said:
        rate, tags = utterance.audio.sample_rate, utterance.audio.tags
        parts.append(utterance.with_pause())
    return Audio(np.concatenate(parts, 1), rate, tags)


def utterances(
    text: str,
    *,
    voice: str | Path | Voice | None = None,
    voice_text: str | None = None,
    language: str | None = None,
    engine: str = "lexicon",
    seed: int = 0,
    model: str | Path = "speech",
    pronunciations: Mapping[str, str] | None = None,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
    **how: Any,
) -> Iterator[Utterance]:
    """Say `text` sentence by sentence, each as soon as it is made, at constant memory; how: see Manner."""
    manner = Manner(**how)
    check_seed(seed)
    folder = find_model(model, "speech")
    voice = first_voice(folder) if voice is None else voice
    language = language or spoken_language(folder, voice)
    script = read_script(text, language=language, pronunciations=pronunciations, engine=engine)
    first = next(script)  # says what is wrong before anything is loaded
    speech = load(model, pick_device(device))
    speaker = speech.voice(voice)
    tags = provenance(speech.name, text, seed, voice=speaker.name)
    if manner.speed is None:
        manner = replace(manner, speed=voice_pace(speech, speaker, voice_text, language))
    if manner.duration is not None:
        sentences = [first, *script]
        pauses = sum(s.pause for s in sentences)
        spoken = [units(s.phones) for s in sentences if s.phones]
        natural = sum(natural_frames(speech, u) for u in spoken) / speech.codec.frame_rate
        least = math.ceil(10 * (pauses + natural / FASTEST)) / 10
        most = math.floor(10 * (pauses + natural / SLOWEST)) / 10
        if not least <= manner.duration <= most:
            raise UsageError(f"duration {manner.duration:g} s: this text takes {least:.1f} to {most:.1f} s")
        manner = replace(manner, speed=natural / (manner.duration - pauses), duration=None)
        script, first = iter(sentences[1:]), sentences[0]
    for number, sentence in enumerate(itertools.chain([first], script)):
        own_seed = int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:7], "big")
        audio, words = _say(speech, sentence, speaker, manner, own_seed, language, observer)
        yield Utterance(sentence, replace(audio, tags=tags), words)


@torch.inference_mode()
def _say(
    speech: SpeechModel,
    sentence: Sentence,
    voice: Voice,
    manner: Manner,
    seed: int,
    language: str,
    observer: Callable[[Progress], None] | None,
) -> tuple[Audio, tuple[tuple[str, float, float], ...]]:
    rate = speech.codec.sample_rate
    if not sentence.phones:  # a pause at the beginning
        return Audio(np.zeros((1, 0), np.float32), rate), ()
    said = units(sentence.phones)
    features = unit_features(speech, said)
    durations = unit_frames(speech, features) / manner.speed
    asked = what_is_asked(speech, features, durations)
    semantic_plan, acoustic_plan = manner.plans(speech)
    best, best_score = None, -math.inf
    for start in range(0, manner.candidates, TOGETHER):
        seeds = [seed + i for i in range(start, min(start + TOGETHER, manner.candidates))]
        semantic = speak_tokens(speech, asked, semantic_plan, seeds)
        codes = voice_tokens(speech, semantic, voice, acoustic_plan, seeds, asked=asked, observer=observer)
        waves = speech.codec.decode(codes.to(speech.device))[:, 0].float().cpu()
        scores = understood(speech.tokeniser, waves, said) if manner.candidates > 1 else torch.zeros(1)
        if best is None or scores.max() > best_score:
            best, best_score = waves[scores.argmax()].numpy(), float(scores.max())
    wave = faded(normalise(best, rate), rate)
    words = _words(sentence, said, durations, speech.codec.frame_rate, language)
    return Audio(wave[None].astype(np.float32), rate), words


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


def faded(wave: np.ndarray, rate: int) -> np.ndarray:
    """wave [N] with a short fade at both ends, so that joins do not click."""
    count = min(len(wave) // 2, round(FADE * rate))
    ramp = np.linspace(0.0, 1.0, count, dtype=wave.dtype)
    wave = wave.copy()
    wave[:count] *= ramp
    wave[len(wave) - count :] *= ramp[::-1]
    return wave


def _words(
    sentence: Sentence, said: Units, durations: Tensor, frame_rate: float, language: str
) -> tuple[tuple[str, float, float], ...]:
    """The words of a sentence with their times; all as one where it is not plain which sound is whose."""
    edges = durations.cumsum(0).numpy() / frame_rate
    starts, ends = edges[:-2], edges[1:-1]
    groups: list[list[int]] = [[]]
    for i, unit in enumerate(said.index):
        if unit == 0:
            groups.append([])
        elif unit > len(PAUSES):
            groups[-1].append(i)
    groups = [g for g in groups if g]
    written: list[list[str]] = []
    for word in sentence.text.split():
        if written and said_as_one(written[-1][-1].lstrip(_QUOTES), word.rstrip(_SIGNS), language):
            written[-1].append(word)
        else:
            written.append([word])
    if len(written) != len(groups) or any(c.isdigit() for c in sentence.text):
        return ((sentence.text, float(edges[0]), float(edges[-2])),)
    timed = []
    for words, group in zip(written, groups, strict=True):
        places = np.linspace(starts[group[0]], ends[group[-1]], len(words) + 1)
        timed += [(w, float(a), float(b)) for w, a, b in zip(words, places, places[1:], strict=False)]
    return tuple(timed)
