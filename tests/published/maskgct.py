"""What Amphion's MaskGCT made of tiny random models, to be matched: tests/fixtures/maskgct, or a fuller set.

A set is a published folder with recorded arrays beside it (see its README). Which cases it has, and of what
sizes, is read from the set itself.
"""

import functools
import os
import re
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from maskaudio.checkpoints.folder import build
from maskaudio.codec.load import load_codec
from maskaudio.codec.maskgct_acoustic import AcousticCodec
from maskaudio.codec.maskgct_semantic import SemanticCodec, SemanticCodecConfig
from maskaudio.decoding.plan import Plan
from maskaudio.decoding.published import maskgct_plan
from maskaudio.networks.maskgct import (
    SemanticToAcoustic,
    SemanticToAcousticConfig,
    TextToSemantic,
    TextToSemanticConfig,
)
from maskaudio.networks.maskgct_stage import BATCH
from maskaudio.published import amphion

CUT = Path(__file__).parents[1] / "fixtures" / "maskgct"
ROOT = Path(os.environ["MASKAUDIO_FIXTURES"]) / "maskgct" if "MASKAUDIO_FIXTURES" in os.environ else CUT


def tiny_published(folder: Path) -> Path:
    """A complete MaskGCT of three acoustic streams as published, in `folder`: the weights are random.

    As on the hub, with what lies elsewhere there beside it: maskgct.json, the statistics, w2v-bert.
    """
    for what in ("*_model", "*_codec", "w2v_bert*", "maskgct.json", "wav2vec2bert_stats.safetensors"):
        for path in CUT.glob(what):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            folder.mkdir(parents=True, exist_ok=True)
            copy(path, folder / path.name)
    return folder


def files(pattern: str) -> list[str]:
    """The names of recorded files that match; a set without one would prove nothing."""
    found = sorted(path.stem for path in ROOT.glob(f"{pattern}.safetensors"))
    assert found, f"{ROOT} has no {pattern}.safetensors"
    return found


@functools.cache
def arrays(name: str) -> dict[str, Tensor]:
    """All arrays of a file."""
    return load_file(ROOT / f"{name}.safetensors")


def keys(name: str, pattern: str) -> list[tuple[str, ...]]:
    """The groups of every name of an array that matches in whole."""
    return sorted({m.groups() for key in arrays(name) if (m := re.fullmatch(pattern, key))})


def number(recorded: Tensor) -> float:
    """A setting such as 0.98, which single precision has blurred."""
    return float(f"{recorded.item():.6g}")


def close(found: Tensor, want: Tensor) -> None:
    """As near as single precision comes when it adds in another order."""
    assert found.shape == want.shape
    assert (found - want).abs().max() <= 2e-5 * max(1.0, float(want.abs().max()))


@functools.cache
def converted() -> Path:
    """The set as a model folder of ours."""
    global _place
    _place = tempfile.TemporaryDirectory()
    out = Path(_place.name) / "maskgct"
    amphion.convert(ROOT, out)
    return out


def _network(cls: type, config: type, part: str, spread: tuple[int, ...] | None = None) -> nn.Module:
    network = build(cls, config, converted() / part, amphion.PART, torch.float32)
    if spread:
        network.spread = spread
    return network


def text_to_semantic(spread: tuple[int, ...] = BATCH) -> TextToSemantic:
    """The first network; guidance takes its statistics over the whole batch, as Amphion's does."""
    return _network(TextToSemantic, TextToSemanticConfig, amphion.TEXT, spread)


def semantic_to_acoustic(spread: tuple[int, ...] = BATCH) -> SemanticToAcoustic:
    """The second ones."""
    return _network(SemanticToAcoustic, SemanticToAcousticConfig, amphion.SOUND, spread)


def semantic_codec() -> SemanticCodec:
    """What makes semantic tokens."""
    return _network(SemanticCodec, SemanticCodecConfig, amphion.SEMANTIC)


def acoustic_codec() -> AcousticCodec:
    """What makes waves."""
    return load_codec(converted() / amphion.ACOUSTIC)


def plan(recorded: dict[str, Tensor], vocab: int) -> Plan:
    """How a recorded decode was made."""
    return maskgct_plan(
        recorded["n_timesteps"].reshape(-1).tolist(),
        temperature=number(recorded["temp"]),
        top_k=amphion.likeliest(vocab, number(recorded["filter_thres"])),
        guidance=number(recorded["cfg"]),
        rescale=number(recorded["rescale_cfg"]),
    )


def uniforms(recorded: dict[str, Tensor], prefix: str = "") -> list[Tensor]:
    """The draws of a decode, in their order."""
    return [recorded[key] for key in sorted(recorded) if re.fullmatch(rf"{prefix}u\d+", key)]


class Recorded:
    """Chance that has been: uniforms [B, T, V] for tokens, [B, T] for how sure they are; T after the prompt.

    Once all is filled, the original stops and draws no more; the decode loop still asks, and gets nothing.
    """

    generators: tuple[torch.Generator, ...] = ()

    def __init__(self, uniforms: list[Tensor], prompt: int):
        self.left, self.prompt = list(uniforms), prompt

    def tokens(self, p: Tensor, cells: Tensor) -> Tensor:
        if not len(p):
            return torch.zeros(p.shape[:2], dtype=torch.long)
        noise = _gumbel(self.left.pop(0))[cells[:, self.prompt :]]
        return (p.log() + noise[:, None]).argmax(-1)

    def gumbel(self, count: int, own: list[int] | None = None) -> Tensor:
        if not self.left or self.left[0].dim() == 3:
            return torch.zeros(1, count)
        return nn.functional.pad(_gumbel(self.left.pop(0)), (self.prompt, 0))


def _gumbel(uniform: Tensor) -> Tensor:
    return -torch.log(-torch.log(uniform + 1e-10) + 1e-10)
