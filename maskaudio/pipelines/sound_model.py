"""A text → sound model and all that belongs to it: network, codec, words, its own plan."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict
from maskaudio.decoding.plan import Plan
from maskaudio.errors import MaskaudioError
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.transformer import Condition
from maskaudio.text.table import TextTable


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
    candidates: int = 1


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
