"""Text → sound: a prompt, a blank grid, codes, a wave."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checks import in_range, pick_seeds
from maskaudio.decoding.engine import Grid, Progress
from maskaudio.decoding.plan import Plan
from maskaudio.errors import UsageError
from maskaudio.pipelines.filling import Filling, check_prompts
from maskaudio.pipelines.long_form import Fill, close_loop, windows
from maskaudio.pipelines.sound_model import Generator
from maskaudio.pipelines.tags import provenance

LONGEST = 3600.0  # seconds
SHORTEST_LOOP = 0.5  # seconds
FAMILIAR = 0.42  # cosine to what is covered, below which a prompt is unfamiliar: from benchmarks/familiar.py


def generate(
    prompt: str | Sequence[str],
    *,
    duration: float = 4.0,
    seed: int | Sequence[int] | None = None,
    model: str | Path = "sound",
    negative: str | None = None,
    loop: bool = False,
    candidates: int | None = None,
    rescore: str | Path | None = None,
    rescore_weight: float = 0.7,
    hybrid_seconds: float = 0.0,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
    **changes: Any,
) -> Audio | list[Audio]:
    """Make a sound of `duration` seconds (up to an hour) for a prompt, or a list of sounds for a list.

    seed: one, or one per prompt; drawn where absent, and always in the result's `tags`. negative: what it
    should not sound like. loop: the end leads into the beginning (up to 30 s, and the duration is rounded up
    to whole frames of the codec). candidates: of so many the one that fits the prompt best; None leaves the
    number to the model. rescore: a second sound model on the same codec that has a say, with
    1 − `rescore_weight`, in which spans are kept. hybrid_seconds: so much of the beginning is filled frame by
    frame, from left to right. changes: of the plan, such as steps and guidance, see
    `maskaudio.decoding.plan.Changes`. Raises UsageError for values that make no sense.
    """
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    seeds = pick_seeds(seed, len(prompts))
    job = _Job.of(
        prompts,
        duration,
        model=model,
        negative=negative,
        candidates=candidates,
        rescore=rescore,
        rescore_weight=rescore_weight,
        hybrid_seconds=hybrid_seconds,
        device=device,
        observer=observer,
        **changes,
    )
    longest = job.sound.longest
    if loop and not SHORTEST_LOOP <= duration <= longest:
        raise UsageError(f"duration {duration:g} s: a loop has {SHORTEST_LOOP:g} to {longest:g} s")
    if loop or duration > longest:
        made = job.loop if loop else job.long
        waves = [made(number, own_seed) for number, own_seed in enumerate(seeds)]
    else:
        waves = job.short(seeds)
    audios = [job.audio(*clip) for clip in zip(waves, prompts, seeds, strict=True)]
    return audios[0] if isinstance(prompt, str) else audios


def stream(prompt: str, *, duration: float, seed: int, **manner: Any) -> Iterator[Audio]:
    """What `generate` makes of the same arguments, piece by piece while it is made."""
    pick_seeds(seed, 1)
    job = _Job.of([prompt], duration, **manner)
    return (job.audio(piece, prompt, seed) for piece in job.pieces(0, seed))


@dataclass(frozen=True)
class _Job:
    """Prompts to be made into so many samples each."""

    filling: Filling
    prompts: list[str]
    samples: int

    @classmethod
    def of(cls, prompts: list[str], duration: float, hybrid_seconds: float = 0.0, **manner: Any) -> "_Job":
        check_prompts(prompts or [""])
        if not (math.isfinite(duration) and duration > 0):
            raise UsageError(f"duration {duration}: give seconds above 0")
        if duration > LONGEST:
            raise UsageError(f"duration {duration:g} s: at most {LONGEST:g} s")
        in_range("hybrid-seconds", hybrid_seconds, 0.0, LONGEST)
        filling = Filling.of(**manner)
        sound = filling.sound
        filling = replace(filling, left_to_right=round(hybrid_seconds * sound.codec.frame_rate))
        _warn_of_the_unfamiliar(sound, prompts)
        samples = round(duration * sound.codec.sample_rate)
        if samples < 1:
            raise UsageError(f"duration {duration:g} s: shorter than one sample")
        job = cls(filling, prompts, samples)
        logging.getLogger("maskaudio").info(
            "model %s on %s, %d frames, steps %s", sound.name, sound.device, job.frames, _steps(filling.plan)
        )
        return job

    @property
    def sound(self) -> Generator:
        return self.filling.sound

    @property
    def frames(self) -> int:
        return self.sound.frames(self.samples, self.filling.plan)

    def short(self, seeds: list[int]) -> list[np.ndarray]:
        """All prompts at once, in one grid."""
        grid = Grid.blank(len(seeds), self.sound.transformer.streams, self.frames)
        codes = self.filling(grid, self.prompts, seeds)
        with torch.inference_mode():
            waves = self.sound.codec.decode(codes.to(self.sound.device))
        return list(waves[:, :, : self.samples].float().cpu().numpy())

    def long(self, number: int, seed: int) -> np.ndarray:
        """Prompt `number` in as many windows as it takes."""
        return np.concatenate(list(self.pieces(number, seed)), axis=1)

    def pieces(self, number: int, seed: int) -> Iterator[np.ndarray]:
        """The same, window by window."""
        streams, left = self.sound.transformer.streams, self.samples
        fill, longest = self._fill(number, seed), self.sound.longest
        for piece in windows(self.sound.codec, fill, streams, self.frames, longest):
            yield piece[:, :left]
            left -= piece.shape[1]

    def loop(self, number: int, seed: int) -> np.ndarray:
        """Prompt `number` as a loop of whole frames."""
        filled = self._fill(number, seed)
        codes = filled(Grid.blank(1, self.sound.transformer.streams, self.frames), 0)
        return close_loop(self.sound.codec, filled, codes)

    def audio(self, wave: np.ndarray, prompt: str, seed: int) -> Audio:
        tags = provenance(self.sound.name, prompt, seed, steps=_steps(self.filling.plan))
        return Audio(wave, self.sound.codec.sample_rate, tags)

    def _fill(self, number: int, seed: int) -> Fill:
        """Fills grid after grid for one prompt, each with a seed of its own; the first with `seed`."""
        prompt = [self.prompts[number]]

        def filled(grid: Grid, part: int) -> Tensor:
            seeds = [(seed + (part << 32)) % 2**63]
            return self.filling(grid, prompt, seeds).to(self.sound.device)

        return filled


def unfamiliar(sound: Generator, text: str) -> str | None:
    """The nearest covered description where `text` is far from all of them; None where it is not."""
    nearest, similarity = sound.nearest(text)
    return nearest if similarity < FAMILIAR else None


def _warn_of_the_unfamiliar(sound: Generator, prompts: list[str]) -> None:
    for text in dict.fromkeys(prompts) if sound.described else ():
        if nearest := unfamiliar(sound, text):
            logging.getLogger("maskaudio").warning(
                'this model may not know "%s"; the nearest it was trained on is "%s"', text, nearest
            )


def _steps(plan: Plan) -> str:
    return ",".join(str(stage.steps) for stage in plan.stages)
