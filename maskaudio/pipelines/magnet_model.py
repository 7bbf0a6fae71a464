"""A published MAGNeT in the place of a sound model of ours: network, codec, text encoder, its own plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from maskaudio.checkpoints.catalogue import unslug
from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import read_config
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict
from maskaudio.decoding.plan import Plan
from maskaudio.devices import pick_dtype
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.magnet import MagnetConfig, MagnetNetwork, MagnetTransformer, Texts
from maskaudio.text.t5 import load_t5


@dataclass(frozen=True)
class MagnetModel:
    """What `generate` and edits need of it, see `maskaudio.pipelines.sound_model.Generator`.

    It was trained on clips of `longest` seconds; nothing says what it covers, and it neither ranks nor doubts
    what it makes. text: name or folder of its text encoder, loaded when there is something to read.
    """

    name: str
    network: MagnetNetwork
    codec: Codec
    text: str
    plan: Plan
    described: dict[str, str] = field(default_factory=dict)
    candidates: int = 1
    ranks: bool = False
    doubts: bool = False

    @property
    def transformer(self) -> MagnetTransformer:
        """What fills grids."""
        return self.network.transformer

    @property
    def device(self) -> torch.device:
        """Where network and codec lie."""
        return self.network.project.weight.device

    @property
    def longest(self) -> float:
        """Seconds in one grid."""
        return self.network.config.frames / self.codec.frame_rate

    def frames(self, samples: int, plan: Plan) -> int:
        """Frames of a grid for so many samples: whole spans, where MAGNeT's own rules fill it.

        They cover the samples, but no more than the clips that the network has met: of 500 frames in spans of
        3 it fills 498, as audiocraft does.
        """
        frames = -int(-samples * self.codec.frame_rate // self.codec.sample_rate)
        span = plan.span_length if plan.stages[0].sampler == "magnet" else 1
        most = self.network.config.frames
        if most - most % span < frames <= most:
            return max(most - most % span, 1)
        return frames + -frames % span

    @torch.inference_mode()
    def condition(self, texts: Sequence[str], *, dropped: bool = False) -> Texts:
        """The condition of `texts`, or as many "no text" conditions."""
        if dropped:
            return self.network.nothing(len(texts))
        states, valid = load_t5(self.text, str(self.device))(texts)
        return self.network.condition(states, valid.to(self.device))

    def fits(self, codes: Tensor, texts: Sequence[str]) -> Tensor:
        """It has no ranker."""
        raise UsageError(f"{self.name} has no ranker to say how well a sound fits a prompt")

    def nearest(self, text: str) -> tuple[str, float]:
        """It describes nothing."""
        raise UsageError(f"{self.name} does not say what it covers")


@dataclass(frozen=True)
class Companions:
    """What config.json of a MAGNeT names beside the network's shape; folders within its own come first."""

    codec: str
    text: str
    plan: Plan


def load_magnet(folder: Path, device: str = "cpu", dtype: str | None = None) -> MagnetModel:
    """The MAGNeT in `folder`.

    dtype: what its network computes in; None: float32 on a CPU, else float16. Raises MaskaudioError where
    something is missing or damaged, UsageError for an unknown dtype.
    """
    computed = pick_dtype(dtype, "float32" if device == "cpu" else "float16")
    table = read_config(folder)
    named = {name: table[name] for name in ("codec", "text", "plan") if name in table}
    companions = from_dict(Companions, named, f"{folder}/config.json")
    network = build(MagnetNetwork, MagnetConfig, folder, "magnet", computed).to(device)
    codec = load_codec(_place(folder, companions.codec), device)
    c, plan = network.config, companions.plan
    if c.vocab != codec.vocab or not len(plan.stages) == c.streams <= codec.streams:
        raise MaskaudioError(f"{folder}/config.json: streams of plan, network and codec do not fit")
    return MagnetModel(unslug(folder.name), network, codec, _place(folder, companions.text), plan)


def _place(folder: Path, name: str) -> str:
    """A folder within `folder` where it is one, else a name."""
    return str(folder / name) if name and (folder / name).is_dir() else name
