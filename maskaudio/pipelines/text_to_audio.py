"""Text → sound: words, a blank grid, the decode loop, the codec."""

import functools
import logging
import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.checks import check_seed, in_range
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict
from maskaudio.decoding.engine import Grid, Progress, Rescorer, decode
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.devices import pick_device
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.transformer import Condition
from maskaudio.pipelines.long_form import WINDOW, Fill, close_loop, windows
from maskaudio.pipelines.tags import provenance
from maskaudio.text.table import TextTable

LONGEST = 3600.0  # seconds
SHORTEST_LOOP = 0.5  # seconds
FAMILIAR = 0.38  # cosine to the nearest covered description below which a prompt is called unfamiliar


@dataclass(frozen=True)
class SoundModel:
    """Everything `generate` needs: loaded once per process and shared."""

    name: str
    network: SoundNetwork
    codec: Codec
    words: TextTable
    described: dict[str, str]  # label → a plain caption of it
    plan: Plan

    @property
    def device(self) -> torch.device:
        """Where network and codec lie."""
        return next(self.network.parameters()).device

    def condition(self, texts: Sequence[str], *, dropped: bool = False) -> Condition:
        """The condition of `texts`, or as many "no text" conditions of the same length."""
        ids, valid = self.words.tokenize(list(texts))
        drop = torch.full((len(texts),), dropped, device=self.device)
        return self.network.condition(self.words.embed(ids).to(self.device), valid.to(self.device), drop)

    def nearest(self, text: str) -> tuple[str, float]:
        """The covered description nearest to `text`, and its cosine."""
        captions = list(self.described.values())
        similarity = self.words.similarity(text, captions)
        best = max(range(len(captions)), key=lambda i: similarity[i])
        return captions[best], float(similarity[best])


@dataclass(frozen=True)
class Companions:
    """What config.json of a sound model names beside the network's shape."""

    codec: str
    codec_hash: str
    words: str
    plan: Plan
    described: dict[str, str]


@functools.lru_cache(maxsize=4)
def load(model: str | Path = "sound", device: str = "cpu") -> SoundModel:
    """The sound model of a name or folder. Raises MaskaudioError where it is missing or damaged."""
    folder = find_model(model, "sound")
    table = read_config(folder)
    asked = {field.name: table[field.name] for field in fields(Companions) if field.name in table}
    companions = from_dict(Companions, asked, f"{folder}/config.json")
    network = build(SoundNetwork, SoundConfig, folder, "sound").to(device)
    codec = load_codec(companions.codec, device)
    if codec.hash != companions.codec_hash:
        raise MaskaudioError(
            f"{folder}: made for the tokens of codec {companions.codec} {companions.codec_hash}, "
            f"this one is {codec.hash}; train the model again on it"
        )
    transformer, plan = network.transformer, companions.plan
    if transformer.vocab != codec.vocab or not len(plan.stages) == transformer.streams <= codec.streams:
        raise MaskaudioError(f"{folder}/config.json: streams of plan, network and codec do not fit")
    if not companions.described:
        raise MaskaudioError(f"{folder}/config.json: describes nothing that the model covers")
    words = TextTable.load(find_model(companions.words, "words"))
    return SoundModel(folder.name, network, codec, words, companions.described, plan)


def generate(
    prompt: str | Sequence[str],
    *,
    duration: float = 4.0,
    seed: int | Sequence[int] | None = None,
    model: str | Path = "sound",
    negative: str | None = None,
    loop: bool = False,
    rescore: str | Path | None = None,
    rescore_weight: float = 0.7,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
    **changes: Any,
) -> Audio | list[Audio]:
    """Make a sound of `duration` seconds (up to an hour) for a prompt, or a list of sounds for a list.

    seed: one, or one per prompt; drawn where absent, and always in the result's `tags`. negative: what it
    should not sound like. loop: the end leads into the beginning (up to 30 s, and the duration is rounded up
    to whole frames of the codec). rescore: a second sound model on the same codec that has a say, with
    1 − `rescore_weight`, in which spans are kept. changes: of the plan, such as steps and guidance, see
    `maskaudio.decoding.plan.Changes`. Raises UsageError for values that make no sense.
    """
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    seeds = _seeds(seed, len(prompts))
    second = None if rescore is None else (rescore, rescore_weight)
    job = _Job.of(prompts, duration, model, negative, second, device, observer, Changes(**changes))
    if loop and not SHORTEST_LOOP <= duration <= WINDOW:
        raise UsageError(f"duration {duration:g} s: a loop has {SHORTEST_LOOP:g} to {WINDOW:g} s")
    if loop or duration > WINDOW:
        made = job.loop if loop else job.long
        waves = [made(number, own_seed) for number, own_seed in enumerate(seeds)]
    else:
        waves = job.short(seeds)
    audios = [job.audio(*clip) for clip in zip(waves, prompts, seeds, strict=True)]
    return audios[0] if isinstance(prompt, str) else audios


def stream(
    prompt: str,
    *,
    duration: float,
    seed: int,
    model: str | Path = "sound",
    negative: str | None = None,
    rescore: str | Path | None = None,
    rescore_weight: float = 0.7,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
    **changes: Any,
) -> Iterator[Audio]:
    """What `generate` makes, piece by piece while it is made."""
    _seeds(seed, 1)
    second = None if rescore is None else (rescore, rescore_weight)
    job = _Job.of([prompt], duration, model, negative, second, device, observer, Changes(**changes))
    return (job.audio(piece, prompt, seed) for piece in job.pieces(0, seed))


@dataclass(frozen=True)
class SecondOpinion:
    """Another sound model, and how much the first one's own opinion weighs against it."""

    sound: SoundModel
    weight: float

    def on(self, prompts: Sequence[str]) -> Rescorer:
        """As the decode loop wants it, for `prompts`."""
        return Rescorer(self.sound.network.transformer, self.sound.condition(prompts), self.weight)


def second_opinion(first: SoundModel, model: str | Path, weight: float) -> SecondOpinion:
    """The sound model of a name or folder beside `first`. Raises UsageError where their tokens differ."""
    in_range("rescore-weight", weight, 0.0, 1.0)
    second = load(model, first.device.type)
    own, other = first.network.transformer, second.network.transformer
    if second.codec.hash != first.codec.hash or (own.streams, own.stages) != (other.streams, other.stages):
        raise UsageError(f"rescore {model}: it knows other tokens than {first.name}")
    return SecondOpinion(second, weight)


@dataclass(frozen=True)
class _Job:
    """Prompts to be made with a model: so many samples each, by a plan."""

    sound: SoundModel
    plan: Plan
    prompts: list[str]
    negative: str | None
    samples: int
    observer: Callable[[Progress], None] | None
    second: SecondOpinion | None = None

    @classmethod
    def of(
        cls,
        prompts: list[str],
        duration: float,
        model: str | Path,
        negative: str | None,
        second: tuple[str | Path, float] | None,  # a model that rescores, and the first one's weight
        device: str,
        observer: Callable[[Progress], None] | None,
        changes: Changes,
    ) -> "_Job":
        check_prompts(prompts or [""])
        if negative is not None and not negative.strip():
            raise UsageError("the negative prompt is empty")
        check_prompts([negative] if negative else [])
        if not (math.isfinite(duration) and duration > 0):
            raise UsageError(f"duration {duration}: give seconds above 0")
        if duration > LONGEST:
            raise UsageError(f"duration {duration:g} s: at most {LONGEST:g} s")
        sound = load(model, pick_device(device))
        _warn_of_the_unfamiliar(sound, prompts)
        samples = round(duration * sound.codec.sample_rate)
        if samples < 1:
            raise UsageError(f"duration {duration:g} s: shorter than one sample")
        opinion = second_opinion(sound, *second) if second else None
        job = cls(sound, make_plan(sound.plan, changes), prompts, negative, samples, observer, opinion)
        logging.getLogger("maskaudio").info(
            "model %s on %s, %d frames, steps %s", sound.name, sound.device, job.frames, _steps(job.plan)
        )
        return job

    @property
    def frames(self) -> int:
        return math.ceil(self.samples / self.sound.codec.sample_rate * self.sound.codec.frame_rate - 1e-9)

    def short(self, seeds: list[int]) -> list[np.ndarray]:
        """All prompts at once, in one grid."""
        grid = Grid.blank(len(seeds), self.sound.network.transformer.streams, self.frames)
        codes = self._filled(grid, self.prompts, seeds)
        with torch.inference_mode():
            waves = self.sound.codec.decode(codes.to(self.sound.device))
        return list(waves[:, :, : self.samples].float().cpu().numpy())

    def long(self, number: int, seed: int) -> np.ndarray:
        """Prompt `number` in as many windows as it takes."""
        return np.concatenate(list(self.pieces(number, seed)), axis=1)

    def pieces(self, number: int, seed: int) -> Iterator[np.ndarray]:
        """The same, window by window."""
        streams, left = self.sound.network.transformer.streams, self.samples
        for piece in windows(self.sound.codec, self._fill(number, seed), streams, self.frames):
            yield piece[:, :left]
            left -= piece.shape[1]

    def loop(self, number: int, seed: int) -> np.ndarray:
        """Prompt `number` as a loop of whole frames."""
        filled = self._fill(number, seed)
        codes = filled(Grid.blank(1, self.sound.network.transformer.streams, self.frames), 0)
        return close_loop(self.sound.codec, filled, codes)

    def audio(self, wave: np.ndarray, prompt: str, seed: int) -> Audio:
        tags = provenance(self.sound.name, prompt, seed, steps=_steps(self.plan))
        return Audio(wave, self.sound.codec.sample_rate, tags)

    def _fill(self, number: int, seed: int) -> Fill:
        """Fills grid after grid for one prompt, each with a seed of its own; the first with `seed`."""
        prompt = [self.prompts[number]]

        def filled(grid: Grid, part: int) -> Tensor:
            seeds = [(seed + (part << 32)) % 2**63]
            return self._filled(grid, prompt, seeds).to(self.sound.device)

        return filled

    def _filled(self, grid: Grid, prompts: list[str], seeds: list[int]) -> Tensor:
        sound, negative = self.sound, self.negative
        return fill(sound, grid, prompts, negative, self.plan, seeds, self.observer, self.second)


def fill(
    sound: SoundModel,
    grid: Grid,
    prompts: Sequence[str | None],
    negative: str | None,
    plan: Plan,
    seeds: list[int],
    observer: Callable[[Progress], None] | None = None,
    second: SecondOpinion | None = None,
) -> Tensor:
    """The codes [B, K, T] of `grid` with what is unknown made up; a prompt (or None) and a seed an item."""
    plan = replace(plan, span_length=min(plan.span_length, grid.codes.shape[2]))
    condition, unconditional = asked(sound, prompts, negative, plan)
    return decode(
        sound.network.transformer,
        Grid(grid.codes.cpu(), grid.known.cpu()),
        condition,
        plan,
        seeds,
        unconditional=unconditional,
        values=sound.codec.values().cpu(),
        rescorer=second.on(prompts) if second else None,
        observer=observer,
    )


def asked(
    sound: SoundModel, prompts: Sequence[str | None], negative: str | None, plan: Plan
) -> tuple[Condition, Condition | None]:
    """The condition of `prompts`, and what stands in the guidance rows where the plan has guidance.

    Without prompts (None for each) nothing is asked for, and nothing guides. Raises UsageError for a
    negative prompt without guidance or prompt.
    """
    guided = any(stage.guidance != 1.0 for stage in plan.stages)
    if None in prompts:
        if negative:
            raise UsageError("a negative prompt needs a prompt")
        return sound.condition(["sound"] * len(prompts), dropped=True), None
    if negative and not guided:
        raise UsageError("a negative prompt needs guidance: give --guidance a number other than 1")
    if guided and negative:
        return sound.condition([*prompts, *[negative] * len(prompts)]).split(len(prompts))
    return sound.condition(prompts), sound.condition(prompts, dropped=True) if guided else None


def check_prompts(prompts: Sequence[str]) -> None:
    """Raise UsageError where a prompt says nothing, or is no text."""
    for text in prompts:
        if not isinstance(text, str) or not text.strip():
            raise UsageError('the prompt is empty: say what the sound is, as in "rain on a tin roof"')
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError("the prompt is not valid text: give it as UTF-8") from None


def _seeds(seed: int | Sequence[int] | None, count: int) -> list[int]:
    if seed is None:
        return [secrets.randbits(32) for _ in range(count)]
    seeds = [seed] * count if isinstance(seed, int) else list(seed)
    if len(seeds) != count:
        raise UsageError(f"{len(seeds)} seeds for {count} prompts: give one, or one each")
    for one in seeds:
        check_seed(one)
    return seeds


def _warn_of_the_unfamiliar(sound: SoundModel, prompts: list[str]) -> None:
    for text in dict.fromkeys(prompts):
        nearest, similarity = sound.nearest(text)
        if similarity < FAMILIAR:
            logging.getLogger("maskaudio").warning(
                'this model may not know "%s"; the nearest it was trained on is "%s"', text, nearest
            )


def _steps(plan: Plan) -> str:
    return ",".join(str(stage.steps) for stage in plan.stages)
