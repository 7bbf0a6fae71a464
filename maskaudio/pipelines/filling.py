"""How a grid of a sound model's tokens is filled: for a prompt from nothing, or around what an edit keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import resample
from maskaudio.checks import in_range
from maskaudio.decoding.engine import Grid, Progress, Rescorer, decode
from maskaudio.decoding.left_to_right import decode_left_to_right
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.networks.transformer import Condition
from maskaudio.pipelines.sound_model import Generator, load

MOST_CANDIDATES = 64
RANKED = ("confidence", "magnet")  # samplers in which a second opinion counts


@dataclass(frozen=True)
class Filling:
    """A sound model at work, in the manner a user asks for. Call it with a grid, prompts and seeds."""

    sound: Generator
    plan: Plan
    negative: str | None = None
    second: "SecondOpinion | None" = None
    observer: Callable[[Progress], None] | None = None
    candidates: int | None = None  # None: as many as the model comes with
    left_to_right: int = 0  # frames of an empty grid that are filled one by one

    @classmethod
    def of(
        cls,
        *,
        model: str | Path = "sound",
        device: str = "auto",
        dtype: str | None = None,
        observer: Callable[[Progress], None] | None = None,
        negative: str | None = None,
        rescore: str | Path | None = None,
        rescore_weight: float = 0.7,
        candidates: int | None = None,
        **changes: object,
    ) -> "Filling":
        """The manner of `maskaudio.generate`, which says what the arguments mean.

        Raises UsageError for what makes no sense, MaskaudioError for a missing or damaged model.
        """
        asked = Changes(**changes)
        in_range("candidates", candidates, 1, MOST_CANDIDATES)
        if negative is not None and not negative.strip():
            raise UsageError("the negative prompt is empty")
        check_prompts([negative] if negative else [])
        sound = load(model, pick_device(device), dtype)
        if candidates is not None and candidates > 1 and not sound.ranks:
            raise UsageError(f"candidates {candidates}: {sound.name} has no ranker to choose among them")
        if asked.critic and not sound.doubts:
            raise UsageError(f"critic: {sound.name} has none")
        plan = make_plan(sound.plan, asked)
        opinion = second_opinion(sound, rescore, rescore_weight) if rescore else None
        if opinion and any(s.critic or s.sampler not in RANKED for s in plan.stages):
            raise UsageError(f"rescore: it ranks spans for the samplers {', '.join(RANKED)} without a critic")
        return cls(sound, plan, negative, opinion, observer, candidates)

    def __call__(self, grid: Grid, prompts: Sequence[str | None], seeds: list[int]) -> Tensor:
        """The codes [B, K, T] of `grid` with what is unknown made up; a prompt (or None) and a seed an item.

        Of several candidates the one that fits its prompt best; the first has the seed that is given.
        """
        if None in prompts and (self.candidates or 1) > 1:
            raise UsageError("candidates need a prompt that they may fit")
        count = 1 if None in prompts else self.candidates or self.sound.candidates
        seeds = [(seed + (c << 48)) % 2**63 for seed in seeds for c in range(count)]
        wanted = [prompt for prompt in prompts for _ in range(count)]
        codes = grid.codes.cpu().repeat_interleave(count, 0)
        known = grid.known.cpu().repeat_interleave(count, 0)
        codes = self._filled(Grid(codes, known), wanted, seeds)
        if count == 1:
            return codes
        fit = self.sound.fits(codes, wanted).view(-1, count)
        return codes.unflatten(0, (-1, count))[torch.arange(len(fit)), fit.argmax(1)]

    @torch.inference_mode()
    def again(
        self,
        wave: np.ndarray,
        rate: int,
        hidden: Callable[[int], Tensor],
        prompt: str | None,
        seed: int,
    ) -> np.ndarray:
        """wave [N] at `rate` as the codec gives it back with some cells made anew, [N].

        hidden(frames): which cells, bool, to be broadcast to [K, frames].
        """
        sound, codec = self.sound, self.sound.codec
        heard = resample(np.ascontiguousarray(wave), rate, codec.sample_rate)
        codes = codec.encode(torch.from_numpy(heard)[None, None].to(sound.device)).cpu()
        codes = codes[:, : sound.transformer.streams]
        known = ~hidden(codes.shape[2]).expand_as(codes)
        codes = self(Grid(codes, known), [prompt], [seed])
        made = codec.decode(codes.to(sound.device))[0].mean(0).float().cpu().numpy()
        made = resample(made, codec.sample_rate, rate)[: len(wave)]
        return np.pad(made, (0, len(wave) - len(made)))

    def _filled(self, grid: Grid, prompts: list[str | None], seeds: list[int]) -> Tensor:
        plan = replace(self.plan, span_length=min(self.plan.span_length, grid.codes.shape[2]))
        condition, unconditional = self._asked(prompts)
        network = self.sound.transformer
        if self.left_to_right and not grid.known.any():
            grid = decode_left_to_right(
                network,
                grid,
                condition,
                plan,
                [(seed + (1 << 60)) % 2**63 for seed in seeds],  # chance of its own
                frames=self.left_to_right,
                unconditional=unconditional,
                observer=self.observer,
            )
        return decode(
            network,
            grid,
            condition,
            plan,
            seeds,
            unconditional=unconditional,
            values=self.sound.codec.values().cpu(),
            rescorer=self.second.on(prompts) if self.second else None,
            observer=self.observer,
        )

    def _asked(self, prompts: list[str | None]) -> tuple[Condition, Condition | None]:
        """The condition of `prompts`, and what stands in the guidance rows where the plan has guidance.

        Without prompts (None for each) nothing is asked for, and nothing guides. Raises UsageError for a
        negative prompt without guidance or prompt.
        """
        sound, negative = self.sound, self.negative
        guided = any(stage.guidance != 1.0 for stage in self.plan.stages)
        if None in prompts:
            if negative:
                raise UsageError("a negative prompt needs a prompt")
            return sound.condition(["sound"] * len(prompts), dropped=True), None
        if negative and not guided:
            raise UsageError("a negative prompt needs guidance: give --guidance a number other than 1")
        if guided and negative:
            return sound.condition([*prompts, *[negative] * len(prompts)]).split(len(prompts))
        return sound.condition(prompts), sound.condition(prompts, dropped=True) if guided else None


@dataclass(frozen=True)
class SecondOpinion:
    """Another sound model, and how much the first one's own opinion weighs against it."""

    sound: Generator
    weight: float

    def on(self, prompts: Sequence[str | None]) -> Rescorer:
        """As the decode loop wants it, for `prompts`."""
        nothing = None in prompts
        condition = self.sound.condition(["sound"] * len(prompts) if nothing else prompts, dropped=nothing)
        return Rescorer(self.sound.transformer, condition, self.weight)


def second_opinion(first: Generator, model: str | Path, weight: float) -> SecondOpinion:
    """The sound model of a name or folder beside `first`. Raises UsageError where their tokens differ."""
    in_range("rescore-weight", weight, 0.0, 1.0)
    second = load(model, first.device.type)
    own, other = first.transformer, second.transformer
    if second.codec.hash != first.codec.hash or (own.streams, own.stages) != (other.streams, other.stages):
        raise UsageError(f"rescore {model}: it knows other tokens than {first.name}")
    return SecondOpinion(second, weight)


def check_prompts(prompts: Sequence[str]) -> None:
    """Raise UsageError where a prompt says nothing, or is no text."""
    for text in prompts:
        if not isinstance(text, str) or not text.strip():
            raise UsageError('the prompt is empty: say what the sound is, as in "rain on a tin roof"')
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError("the prompt is not valid text: give it as UTF-8") from None
