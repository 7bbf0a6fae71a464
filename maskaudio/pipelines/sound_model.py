"""A text → sound model and all that belongs to it: network, codec, words, its own plan."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict
from maskaudio.decoding.plan import Plan
from maskaudio.devices import pick_dtype, quick_dtype
from maskaudio.errors import MaskaudioError
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.transformer import Condition, MaskedTransformer
from maskaudio.pipelines.long_form import WINDOW
from maskaudio.published.pull import find_or_pull
from maskaudio.text.table import TextTable


class Generator(Protocol):
    """What filling a grid from words takes, of a model of ours or of a published one."""

    name: str
    transformer: Any  # a MaskedModel (decoding/engine.py) with `streams` and `stages`
    codec: Codec
    plan: Plan
    device: torch.device
    described: dict[str, str]  # label → a plain caption of it; nothing where it is not known what it covers
    candidates: int  # of which the best is taken, where the user does not say
    longest: float  # seconds in one grid
    ranks: bool  # whether it can choose among candidates
    doubts: bool  # whether it has a critic

    def condition(self, texts: Sequence[str], *, dropped: bool = False) -> Any:
        """The condition of `texts`, or as many "no text" conditions of the same length."""

    def frames(self, samples: int, plan: Plan) -> int:
        """Frames of a grid for so many samples."""

    def fits(self, codes: Tensor, texts: Sequence[str]) -> Tensor:
        """How well codes [B, K, T] fit `texts`, [B]; for models that rank."""

    def nearest(self, text: str) -> tuple[str, float]:
        """The covered description nearest to `text`, and its cosine; for models that describe any."""


@dataclass(frozen=True)
class SoundModel:
    """Everything `generate` needs: loaded once per process and shared."""

    name: str
    network: SoundNetwork
    codec: Codec
    words: TextTable
    described: dict[str, str]  # label → a plain caption of it
    plan: Plan
    candidates: int = 1  # of which its ranker takes the best, where the user does not say
    longest: float = WINDOW

    @property
    def transformer(self) -> MaskedTransformer:
        """What fills grids."""
        return self.network.transformer

    @property
    def ranks(self) -> bool:
        """Whether it can choose among candidates."""
        return self.network.ranker is not None

    @property
    def doubts(self) -> bool:
        """Whether it has a critic."""
        return self.transformer.critic is not None

    def frames(self, samples: int, plan: Plan) -> int:
        """Frames that cover so many samples."""
        return math.ceil(samples / self.codec.sample_rate * self.codec.frame_rate - 1e-9)

    @property
    def device(self) -> torch.device:
        """Where network and codec lie."""
        return next(self.network.parameters()).device

    def condition(self, texts: Sequence[str], *, dropped: bool = False) -> Condition:
        """The condition of `texts`, or as many "no text" conditions of the same length."""
        ids, valid = self.words.tokenize(list(texts))
        drop = torch.full((len(texts),), dropped, device=self.device)
        return self.network.condition(self.words.embed(ids).to(self.device), valid.to(self.device), drop)

    @torch.inference_mode()
    def fits(self, codes: Tensor, texts: Sequence[str]) -> Tensor:
        """How well codes [B, K, T] fit `texts`, [B], by the model's own ranker: cosines of −1 to 1."""
        ids, valid = self.words.tokenize(list(texts))
        embeddings = self.words.embed(ids).to(self.device)
        return self.network.fits(codes.to(self.device), embeddings, valid.to(self.device)).cpu()

    def nearest(self, text: str) -> tuple[str, float]:
        """The description of the covered sound nearest to `text`, and its cosine.

        Labels count as well: a description may tell of more ("a dog barks four times") and lie further off.
        """
        captions = list(self.described.values())
        similarity = self.words.similarity(text, [*self.described, *captions]).view(2, -1).amax(0)
        best = int(similarity.argmax())
        return captions[best], float(similarity[best])


@dataclass(frozen=True)
class Companions:
    """What config.json of a sound model names beside the network's shape."""

    codec: str
    codec_hash: str
    words: str
    plan: Plan
    described: dict[str, str]
    candidates: int = 1


def load(model: str | Path = "sound", device: str = "cpu", dtype: str | None = None) -> Generator:
    """The sound model of a name or folder, ours or a published one; loaded once per process.

    dtype: what the network that fills grids computes in, see `quick_dtype`; published ones come in float32 on
    a CPU. Raises MaskaudioError where the model is missing or damaged, UsageError for an unknown dtype.
    """
    return _load(str(model), device, dtype)


@functools.lru_cache(maxsize=4)
def _load(model: str, device: str, dtype: str | None) -> Generator:
    folder = find_or_pull(model, "sound", "magnet")
    table = read_config(folder)
    if table["kind"] == "magnet":
        from maskaudio.pipelines.magnet_model import load_magnet

        return load_magnet(folder, device, dtype)
    if dtype is None:
        return _load(model, device, quick_dtype(device))  # once in memory, whether it is named or not
    computes = pick_dtype(dtype)
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
    transformer.computes = computes
    if transformer.vocab != codec.vocab or not len(plan.stages) == transformer.streams <= codec.streams:
        raise MaskaudioError(f"{folder}/config.json: streams of plan, network and codec do not fit")
    if codec.layout == "bands" and transformer.streams != codec.streams:
        raise MaskaudioError(f"{folder}: it fills {transformer.streams} of the codec's {codec.streams} bands")
    if any(stage.critic for stage in plan.stages) and transformer.critic is None:
        raise MaskaudioError(f"{folder}/config.json: a plan with a critic, and nothing that doubts")
    if not companions.described:
        raise MaskaudioError(f"{folder}/config.json: describes nothing that the model covers")
    words = TextTable.load(find_model(companions.words, "words"))
    best_of = companions.candidates
    if best_of > 1 and network.ranker is None:
        raise MaskaudioError(f"{folder}/config.json: candidates {best_of}, but nothing that ranks them")
    return SoundModel(folder.name, network, codec, words, companions.described, plan, best_of)
