"""Text → sound: words, a blank grid, the decode loop, the codec."""

import functools
import logging
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from maskaudio.audio import Audio
from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict
from maskaudio.decoding.engine import Grid, Progress, decode
from maskaudio.decoding.plan import Plan, make_plan
from maskaudio.devices import pick_device
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.transformer import Condition
from maskaudio.pipelines.checks import check_drawing, check_seed
from maskaudio.pipelines.tags import provenance
from maskaudio.text.table import TextTable

LONGEST = 30.0  # seconds, until long form lands
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


@torch.inference_mode()
def generate(
    prompt: str | Sequence[str],
    *,
    duration: float = 4.0,
    seed: int | Sequence[int] | None = None,
    model: str | Path = "sound",
    steps: int | Sequence[int] | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    span: int | None = None,
    negative: str | None = None,
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
) -> Audio | list[Audio]:
    """Make a sound of `duration` seconds (up to 30) for a prompt, or a list of sounds for a list.

    seed: one, or one per prompt; drawn where absent, and always in the result's `tags`. steps: reveals in
    all, or per stream. guidance: weight of the prompt (1 = no unconditional pass). temperature: scales the
    model's own. span: frames masked and revealed together. Raises UsageError for values that make no sense.
    """
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    _check(prompts, duration, guidance, temperature, top_p, span, negative)
    seeds = _seeds(seed, len(prompts))
    sound = load(model, pick_device(device))
    plan = make_plan(
        sound.plan, steps=steps, guidance=guidance, temperature=temperature, top_p=top_p, span=span
    )
    _warn_of_the_unfamiliar(sound, prompts)

    samples = round(duration * sound.codec.sample_rate)
    if samples < 1:
        raise UsageError(f"duration {duration:g} s: shorter than one sample")
    frames = math.ceil(duration * sound.codec.frame_rate - 1e-9)
    plan = replace(plan, span_length=min(plan.span_length, frames))
    grid = Grid.blank(len(prompts), sound.network.transformer.streams, frames)
    condition, unconditional = asked(sound, prompts, negative, plan)
    logging.getLogger("maskaudio").info(
        "model %s on %s, %d frames, steps %s", sound.name, sound.device, frames, _steps(plan)
    )
    codes = decode(
        sound.network.transformer,
        grid,
        condition,
        plan,
        seeds,
        unconditional=unconditional,
        values=sound.codec.values().cpu(),
        observer=observer,
    )
    waves = sound.codec.decode(codes.to(sound.device))[:, :, :samples].float().cpu().numpy()
    audios = [
        Audio(wave, sound.codec.sample_rate, provenance(sound.name, text, own_seed, steps=_steps(plan)))
        for wave, text, own_seed in zip(waves, prompts, seeds, strict=True)
    ]
    return audios[0] if isinstance(prompt, str) else audios


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


def _check(
    prompts: list[str],
    duration: float,
    guidance: float | None,
    temperature: float | None,
    top_p: float | None,
    span: int | None,
    negative: str | None,
) -> None:
    check_prompts(prompts or [""])
    if negative is not None and not negative.strip():
        raise UsageError("the negative prompt is empty")
    check_prompts([negative] if negative else [])
    if not (math.isfinite(duration) and duration > 0):
        raise UsageError(f"duration {duration}: give seconds above 0")
    if duration > LONGEST:
        raise UsageError(f"duration {duration:g} s: at most {LONGEST:g} s for now")
    check_drawing(guidance, temperature, top_p)
    if span is not None and span < 1:
        raise UsageError(f"span {span}: give frames, 1 or more")


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
