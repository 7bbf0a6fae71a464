"""Editing sound: a grid that is known all around what is to change.

    from maskaudio import edit
    edit.inpaint(read_audio("take.wav"), 1.2, 2.0, prompt="a dog barking", seed=1).save("fixed.wav")

Outside the edited span the samples are the input's own; inside its edges they are cross-faded into what the
model makes, at the level of what lies around. Sample rate and channels stay. Besides their own arguments the
functions for sounds take a prompt (what it should sound like), a seed, and what `maskaudio.generate` takes:
model, negative, candidates, steps, guidance …
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checks import in_range, pick_seed
from maskaudio.decoding.samplers import generator
from maskaudio.decoding.spans import hide, span_count
from maskaudio.errors import UsageError
from maskaudio.pipelines.filling import Filling, check_prompts
from maskaudio.pipelines.rewording import reword
from maskaudio.pipelines.tags import provenance
from maskaudio.pipelines.treble import widen
from maskaudio.splicing import FADE, splice

__all__ = ["bandwidth", "extend", "inpaint", "reword", "variation"]

CONTEXT = 4.0  # seconds that are heard on either side of an edit
LONGEST = 20.0  # seconds made in one go
LEVEL = 0.5  # seconds on either side that say how loud an edit is to be


def inpaint(audio: Audio, start: float, end: float, **manner: Any) -> Audio:
    """The clip with what lies from `start` to `end` (seconds) made anew; `manner` is as below.

    Without a prompt only what lies around says what it should be. Raises UsageError for a span that does not
    lie in the clip, has no length, or is longer than LONGEST.
    """
    in_range("from", start, 0.0, audio.duration)
    in_range("to", end, 0.0, audio.duration)
    first, last = round(start * audio.sample_rate), round(end * audio.sample_rate)
    if first >= last:
        raise UsageError(f"from {start:g} to {end:g}: there is nothing in between")
    if end - start > LONGEST:
        raise UsageError(f"from {start:g} to {end:g}: at most {LONGEST:g} s can be made anew at once")
    editor = _Editor.of(audio.sample_rate, **manner)
    samples = editor.filled(audio.samples, first, last)
    return Audio(samples, audio.sample_rate, editor.tags(edited=f"{start:g}-{end:g}"), audio.bits)


def extend(audio: Audio, seconds: float, *, at: str = "end", **manner: Any) -> Audio:
    """The clip with `seconds` more at its "end" or before its "start"."""
    if at not in ("end", "start"):
        raise UsageError(f"at '{at}': a clip is extended at its end or at its start")
    if not (math.isfinite(seconds) and seconds > 0):
        raise UsageError(f"duration {seconds}: give the seconds to add, above 0")
    editor = _Editor.of(audio.sample_rate, **manner)
    samples = audio.samples if at == "end" else audio.samples[:, ::-1]
    missing = round(seconds * audio.sample_rate)
    for part in itertools.count():  # piece by piece, each hearing the one before
        if missing <= 0:
            break
        piece = min(missing, round(LONGEST / 2 * audio.sample_rate))
        have = samples.shape[1]
        fade = min(piece, round(FADE * audio.sample_rate), have)
        # the edge is cross-faded from the clip's mirror image; behind it there is nothing to hear
        longer = np.pad(samples, ((0, 0), (0, fade)), "symmetric")
        longer = np.pad(longer, ((0, 0), (0, piece - fade)))
        samples = editor.filled(longer, have, have + piece, backwards=at == "start", part=part)
        missing -= piece
    samples = np.ascontiguousarray(samples if at == "end" else samples[:, ::-1])
    return Audio(samples, audio.sample_rate, editor.tags(extended=f"{seconds:g} at the {at}"), audio.bits)


def variation(audio: Audio, strength: float, **manner: Any) -> Audio:
    """The clip as it might have been: the share `strength` (0 to 1) of its spans is made anew.

    All of it goes through the codec. 0 gives the clip back as it is.
    """
    in_range("strength", strength, 0.0, 1.0)
    if audio.duration > LONGEST:
        raise UsageError(f"{audio.duration:.1f} s: a variation is of at most {LONGEST:g} s")
    if strength == 0.0:
        return audio
    editor = _Editor.of(audio.sample_rate, **manner)
    samples = editor.varied(audio.samples, strength)
    return Audio(samples, audio.sample_rate, editor.tags(variation=f"{strength:g}"), audio.bits)


def bandwidth(
    audio: Audio, *, model: str | Path = "sound-bands", cutoff: float | None = None, **manner: Any
) -> Audio:
    """The clip with the treble above `cutoff` (Hz) made anew; what lies below stays as it is.

    model: a sound model on a codec of frequency bands. Without a cutoff the clip is taken to end where its
    spectrum does. The result has the codec's sample rate where the clip's is lower. Raises UsageError where
    nothing is missing, or the clip is longer than LONGEST.
    """
    in_range("cutoff", cutoff, 1.0, 1e6)
    if audio.duration > LONGEST:
        raise UsageError(f"{audio.duration:.1f} s: treble is made for at most {LONGEST:g} s")
    if manner.get("guidance") is None:
        manner["guidance"] = (
            1.0  # what lies below says what fits; pushed towards its words treble is too loud
        )
    editor = _Editor.of(audio.sample_rate, model=model, **manner)
    filling, told = editor.filling, (editor.prompt, editor.seed)
    samples, rate, found = widen(audio.samples, audio.sample_rate, filling, *told, cutoff)
    return Audio(samples, rate, editor.tags(bandwidth=f"above {found:.0f} Hz"), audio.bits)


@dataclass(frozen=True)
class _Editor:
    """A sound model at work on a clip of some sample rate."""

    filling: Filling
    prompt: str | None
    seed: int
    rate: int

    @classmethod
    def of(cls, rate: int, prompt: str | None = None, seed: int | None = None, **manner: Any) -> "_Editor":
        check_prompts([] if prompt is None else [prompt])
        seed = pick_seed(seed)
        return cls(Filling.of(**manner), prompt, seed, rate)

    def tags(self, **what: str) -> dict[str, str]:
        return provenance(self.filling.sound.name, self.prompt or "", self.seed, **what)

    def filled(
        self, samples: np.ndarray, first: int, last: int, *, backwards: bool = False, part: int = 0
    ) -> np.ndarray:
        """samples [C, N] with first … last − 1 made anew, cross-faded inside these edges.

        backwards: the samples run from the end of the clip to its beginning. part: of an edit in several
        pieces, each of which has a chance of its own.
        """
        begin = max(0, first - round(CONTEXT * self.rate))
        end = min(samples.shape[1], last + round(CONTEXT * self.rate))
        near, gap = samples[:, begin:end], (first - begin, last - begin)
        if backwards:
            near, gap = near[:, ::-1], (end - last, end - first)
        frame = self.rate / self.filling.sound.codec.frame_rate
        made = self._made(near, lambda frames: _between(frames, gap[0] / frame, gap[1] / frame), part)
        made = made * self._levels(near, made, gap)
        if backwards:
            made = made[:, ::-1]
        inside = made[:, first - begin : last - begin]
        return splice(samples, slice(first, last), inside, self.rate)

    def varied(self, samples: np.ndarray, strength: float) -> np.ndarray:
        """samples [C, N] with the share `strength` of all spans made anew, at the level they had."""
        length = self.filling.plan.span_length

        def some(frames: int) -> Tensor:
            spans = span_count(frames, length)
            order = torch.rand(1, spans, generator=generator(self.seed))
            return hide(order, torch.tensor([math.ceil(strength * spans)]), length, frames)[0]

        made = self._made(samples, some)
        level = np.sqrt(np.square(samples).mean(1, keepdims=True))
        return (made * level / max(1e-6, float(np.sqrt(np.square(made).mean())))).astype(np.float32)

    def _made(self, samples: np.ndarray, hidden: Callable[[int], Tensor], part: int = 0) -> np.ndarray:
        """samples [C, N] heard in mono, decoded with the frames `hidden` filled anew: [1, N]."""
        seed = (self.seed + (part << 32)) % 2**63
        return self.filling.again(samples.mean(0), self.rate, hidden, self.prompt, seed)[None]

    def _levels(self, samples: np.ndarray, made: np.ndarray, gap: tuple[int, int]) -> np.ndarray:
        """Factors [C, N] that give what was made the level of each channel before and after `gap`."""
        width = round(LEVEL * self.rate)
        sides = [slice(max(0, gap[0] - width), gap[0]), slice(gap[1], gap[1] + width)]
        factors = []
        for side in sides:
            own, heard = samples[:, side], made[:, side]
            if own.shape[1] < width // 10 or np.abs(heard).max() < 1e-4:
                continue
            loud = np.sqrt(np.square(own).mean(1))
            mono = np.sqrt(np.square(own.mean(0)).mean())
            gain = np.clip(mono / np.sqrt(np.square(heard).mean()), 0.1, 4.0)  # the codec is near 1
            factors.append(np.log((gain * loud / max(mono, 1e-9)).clip(1e-6, 1e3)))
        if not factors:
            return np.ones((len(samples), 1), np.float32)
        course = np.linspace(0.0, 1.0, max(2, gap[1] - gap[0]))
        across = factors[0][:, None] * (1.0 - course) + factors[-1][:, None] * course
        every = np.clip(np.arange(samples.shape[1]) - gap[0], 0, len(course) - 1)
        return np.exp(across)[:, every].astype(np.float32)


def _between(frames: int, first: float, last: float) -> Tensor:
    """The frames that a stretch touches, bool [frames]."""
    at = torch.arange(frames)
    return (at + 1 > first + 1e-6) & (at < last - 1e-6)
