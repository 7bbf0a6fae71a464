"""Saying sentences: in turn or side by side, the best of several, with the times of their words."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checks import in_range
from maskaudio.decoding.engine import Progress
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.errors import UsageError
from maskaudio.loudness import normalise
from maskaudio.pipelines.speech_model import (
    FASTEST,
    SLOWEST,
    SpeechModel,
    prompt_frames,
    side_by_side,
    speak_tokens,
    understood,
    voice_tokens,
)
from maskaudio.pipelines.voices import Voice
from maskaudio.text.conventions import said_as_one
from maskaudio.text.phones import PAUSES
from maskaudio.text.script import Sentence
from maskaudio.text.units import Units

CANDIDATES = 4  # in one batch: memory stays small
SIDE_BY_SIDE = 12.0  # seconds of speech in one batch
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
    steps: int | Sequence[int] | None = None  # in all, or for every stage of both networks
    guidance: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    candidates: int = 1

    def __post_init__(self) -> None:
        in_range("speed", self.speed, SLOWEST, FASTEST)
        in_range("candidates", self.candidates, 1, 64)
        if isinstance(self.steps, Sequence):
            for count in self.steps:
                in_range("steps", count, 1, 1000)
        else:
            in_range("steps", self.steps, 2, 1000)
        self.changes()
        if self.duration is not None and not (math.isfinite(self.duration) and self.duration > 0):
            raise UsageError(f"duration {self.duration}: give seconds above 0")
        if self.duration is not None and self.speed != 1.0:
            raise UsageError("a duration says how fast to speak: leave out the speed")

    def plans(self, model: SpeechModel) -> tuple[Plan, Plan]:
        """The model's plans of both stages as this manner changes them.

        Of steps in all a third reveals semantic tokens, the others the first acoustic stream.
        """
        first, rest = self.steps, None
        if isinstance(self.steps, Sequence):
            first, rest = dealt(self.steps, model.semantic, model.acoustic)
        elif self.steps is not None:
            first = max(1, self.steps // 3)
            rest = [self.steps - first, *(stage.steps for stage in model.acoustic.stages[1:])]
        return (
            make_plan(model.semantic, self.changes(steps=first)),
            make_plan(model.acoustic, self.changes(steps=rest)),
        )

    def changes(self, steps: int | list[int] | None = None) -> Changes:
        """What stands in place of a plan's own settings, with `steps` of a stage or of each."""
        return Changes(steps, self.guidance, self.temperature, self.top_p)


def dealt(steps: Sequence[int], semantic: Plan, acoustic: Plan) -> tuple[list[int], list[int]]:
    """Steps of every stage as those of either network. Raises UsageError where there is not one for each."""
    count = len(semantic.stages)
    if len(steps) != count + len(acoustic.stages):
        told = ",".join(map(str, steps))
        raise UsageError(f"steps {told}: give one number, or {count + len(acoustic.stages)}")
    return list(steps[:count]), list(steps[count:])


@dataclass(frozen=True, eq=False)
class Asked:
    """A sentence that is to be said: by whom, how long its units last, by which chance.

    frames: what each frame is to say, [1, T, dim]; none where the sentence is only a pause.
    """

    speech: SpeechModel
    sentence: Sentence
    said: Units | None
    durations: Tensor | None
    frames: Tensor | None
    voice: Voice
    language: str
    seed: int
    tags: dict[str, str]

    @property
    def length(self) -> int:
        """Frames."""
        return 0 if self.frames is None else self.frames.shape[1]


def in_turn(
    asked: Iterator[Asked], manner: Manner, observer: Callable[[Progress], None] | None
) -> Iterator[Utterance]:
    """The first sentence as soon as it can be, then as many as fill SIDE_BY_SIDE seconds at a time."""
    yield from _say([next(asked)], manner, observer)
    for group in _grouped(asked):
        yield from _say(group, manner, observer)


def together(
    texts: list[list[Asked]], manner: Manner, observer: Callable[[Progress], None] | None
) -> list[list[Utterance]]:
    """Sentences of several texts, those of like length together."""
    places = [(i, j) for i, asked in enumerate(texts) for j in range(len(asked))]
    places.sort(key=lambda place: texts[place[0]][place[1]].length)
    done = {}
    at = iter(places)
    for group in _grouped(texts[i][j] for i, j in places):
        done |= dict(zip(itertools.islice(at, len(group)), _say(group, manner, observer), strict=True))
    return [[done[i, j] for j in range(len(asked))] for i, asked in enumerate(texts)]


def _grouped(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Neighbours that can be decoded side by side: SIDE_BY_SIDE seconds, equally much shown of each voice."""
    group: list[Asked] = []
    for one in asked:
        fits = not group or (
            _shown(one) == _shown(group[0])
            and (1 + len(group)) * max(a.length for a in (*group, one))
            <= SIDE_BY_SIDE * one.speech.codec.frame_rate
        )
        if not fits:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _shown(asked: Asked) -> int:
    """Frames of the voice that stay revealed."""
    return prompt_frames(asked.speech, asked.voice, asked.speech.acoustic)


@torch.inference_mode()
def _say(group: list[Asked], manner: Manner, observer: Callable[[Progress], None] | None) -> list[Utterance]:
    """Sentences, decoded side by side."""
    speech = group[0].speech
    rate = speech.codec.sample_rate
    spoken = [asked for asked in group if asked.frames is not None]
    if manner.candidates > 1:
        waves = [_best(asked, manner, observer) for asked in spoken]
    else:
        waves = _decoded(spoken, [asked.seed for asked in spoken], manner, observer)
    made = iter(waves)
    said = []
    for asked in group:
        wave, words = np.zeros(0, np.float32), ()
        if asked.frames is not None:
            wave = faded(normalise(next(made), rate), rate).astype(np.float32)
            words = _words(
                asked.sentence, asked.said, asked.durations, speech.codec.frame_rate, asked.language
            )
        said.append(Utterance(asked.sentence, Audio(wave[None], rate, asked.tags), words))
    return said


def _decoded(
    group: list[Asked], seeds: list[int], manner: Manner, observer: Callable[[Progress], None] | None
) -> list[np.ndarray]:
    """A wave [N] for every item."""
    if not group:
        return []
    speech = group[0].speech
    semantic_plan, acoustic_plan = manner.plans(speech)
    frames, lengths = side_by_side([asked.frames for asked in group])
    padded = lengths if len(set(lengths)) > 1 else None
    semantic = speak_tokens(speech, frames, semantic_plan, seeds, padded)
    voices = [asked.voice for asked in group]
    told = {"asked": frames, "lengths": padded, "observer": observer}
    codes = voice_tokens(speech, semantic, voices, acoustic_plan, seeds, **told).to(speech.device)
    waves = [speech.codec.decode(own[None, :, :n])[0, 0] for own, n in zip(codes, lengths, strict=True)]
    return [wave.float().cpu().numpy() for wave in waves]


def _best(asked: Asked, manner: Manner, observer: Callable[[Progress], None] | None) -> np.ndarray:
    """Of several candidates the one that the tokeniser understands best."""
    best, best_score = None, -math.inf
    for start in range(0, manner.candidates, CANDIDATES):
        seeds = [asked.seed + i for i in range(start, min(start + CANDIDATES, manner.candidates))]
        waves = _decoded([asked] * len(seeds), seeds, manner, observer)
        scores = understood(asked.speech.tokeniser, torch.from_numpy(np.stack(waves)), asked.said)
        if best is None or scores.max() > best_score:
            best, best_score = waves[int(scores.argmax())], float(scores.max())
    return best


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
