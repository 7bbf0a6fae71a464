"""A converted MaskGCT: its networks, each loaded when it is first needed, and what it hears in a clip."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio, plausible_rate, read_audio, resample
from maskaudio.checkpoints.catalogue import EAR_FILES, unslug
from maskaudio.checkpoints.folder import build, read_weights
from maskaudio.checkpoints.hub import fetch
from maskaudio.checkpoints.registry import read_config
from maskaudio.codec.filter_banks import HEARING_RATE
from maskaudio.codec.load import load_codec
from maskaudio.codec.maskgct_acoustic import AcousticCodec, AcousticCodecConfig
from maskaudio.codec.maskgct_semantic import Ear, SemanticCodec, SemanticCodecConfig, load_ear
from maskaudio.config import from_dict
from maskaudio.decoding.plan import Plan
from maskaudio.devices import pick_dtype
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.maskgct import (
    SemanticToAcoustic,
    SemanticToAcousticConfig,
    TextToSemantic,
    TextToSemanticConfig,
)
from maskaudio.published.amphion import ACOUSTIC, PART, SEMANTIC, SOUND, TEXT, MaskgctConfig
from maskaudio.published.pull import find_or_pull

SHORTEST, LONGEST = 1.0, 20.0  # seconds of a clip; 3 to 10 are best
SEMANTIC_RATE = 50  # tokens a second
SHAPES = {
    TEXT: TextToSemanticConfig,
    SOUND: SemanticToAcousticConfig,
    SEMANTIC: SemanticCodecConfig,
    ACOUSTIC: AcousticCodecConfig,
}


@dataclass(frozen=True, eq=False)
class Prompt:
    """A clip as MaskGCT hears it: semantic tokens [1, P], acoustic codes [1, K, Q], samples at 16 kHz.

    P and Q may differ by a frame.
    """

    name: str
    semantic: Tensor
    acoustic: Tensor
    samples: int


@dataclass(frozen=True)
class Companions:
    """What config.json says beside where the ear is: the plans of both stages."""

    semantic: Plan
    acoustic: Plan


@dataclass(frozen=True, eq=False)
class MaskgctModel:
    """Everything it takes to speak; shared, and no more of it in memory than has been needed."""

    name: str
    folder: Path
    device: str
    dtype: torch.dtype  # of what fills grids; codecs compute in float32
    config: MaskgctConfig
    semantic: Plan
    acoustic: Plan

    @functools.cached_property
    def text_to_semantic(self) -> TextToSemantic:
        """Phones → semantic tokens."""
        place = self.folder / TEXT
        return build(TextToSemantic, TextToSemanticConfig, place, PART, self.dtype).to(self.device)

    @functools.cached_property
    def semantic_to_acoustic(self) -> SemanticToAcoustic:
        """Semantic tokens → acoustic codes."""
        place = self.folder / SOUND
        return build(SemanticToAcoustic, SemanticToAcousticConfig, place, PART, self.dtype).to(self.device)

    @functools.cached_property
    def tokens(self) -> SemanticCodec:
        """What it hears → semantic tokens."""
        place = self.folder / SEMANTIC
        return build(SemanticCodec, SemanticCodecConfig, place, PART, torch.float32).to(self.device)

    @functools.cached_property
    def codec(self) -> AcousticCodec:
        """Waves ⇄ acoustic codes."""
        return load_codec(self.folder / ACOUSTIC, self.device)

    @functools.cached_property
    def ear(self) -> Ear:
        """Waves → what it hears."""
        statistics = read_weights(self.folder)
        if statistics.keys() != {"mean", "var"}:
            raise MaskaudioError(f"{self.folder}/model.safetensors: not the mean and variance of features")
        beside = self.folder / self.config.ear
        source = beside if beside.is_dir() else fetch(self.config.ear, EAR_FILES)
        return load_ear(source, self.config.layers, statistics["mean"], statistics["var"], self.device)

    @torch.inference_mode()
    def hear(self, clip: Audio, name: str) -> Prompt:
        """A clip of one person speaking. Raises UsageError where it is too short, too long or silent."""
        if not SHORTEST <= clip.duration <= LONGEST:
            raise UsageError(
                f"{name}: {clip.duration:.1f} s; give {SHORTEST:g} to {LONGEST:g} s of one person speaking"
            )
        if not plausible_rate(clip.sample_rate):
            raise UsageError(f"{name}: no recording has a sample rate of {clip.sample_rate} Hz")
        wave = np.ascontiguousarray(clip.samples.mean(0))
        if np.abs(wave).max() < 1e-3:
            raise UsageError(f"{name}: silent; give {SHORTEST:g} to {LONGEST:g} s of one person speaking")
        heard, made = (
            torch.from_numpy(resample(wave, clip.sample_rate, rate)).float()
            for rate in (HEARING_RATE, self.codec.sample_rate)
        )
        semantic = self.tokens.encode(self.ear(heard))[:, 0].cpu()
        acoustic = self.codec.whole_frames(made[None, None].to(self.device)).cpu()
        return Prompt(name, semantic, acoustic, len(heard))

    def hear_file(self, path: Path) -> Prompt:
        """The same of a file in any format; heard once however many lines of a batch are in its voice."""
        try:
            state = path.stat()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
        return _heard(self, path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _heard(model: MaskgctModel, path: Path, size: int, changed: int) -> Prompt:
    return model.hear(read_audio(path, LONGEST), path.name)


def load(model: str | Path, device: str = "cpu", dtype: str | None = None) -> MaskgctModel:
    """The MaskGCT of a name or folder, loaded once per process.

    dtype: what the networks that fill grids compute in; None: float32, as published. Raises UsageError for
    an unknown dtype or model, MaskaudioError where something is missing or damaged.
    """
    return _load(str(model), device, pick_dtype(dtype))


@functools.lru_cache(maxsize=2)
def _load(model: str, device: str, dtype: torch.dtype) -> MaskgctModel:
    folder = find_or_pull(model, "maskgct")
    table = read_config(folder)
    where = f"{folder}/config.json"
    plans = from_dict(Companions, {k: table[k] for k in ("semantic", "acoustic") if k in table}, where)
    text, sound, tokens, codec = (
        from_dict(config, read_config(folder / part).get("config"), f"{folder / part}/config.json")
        for part, config in SHAPES.items()
    )
    for what, *counts in (
        ("semantic tokens", text.vocab, tokens.vocab, sound.full.semantic),
        ("acoustic codes", sound.full.vocab, codec.vocab),
        ("acoustic streams", sound.full.streams, codec.streams, len(plans.acoustic.stages)),
        ("semantic streams", 1, len(plans.semantic.stages)),
    ):
        if len(set(counts)) > 1:
            told = ", ".join(map(str, counts))
            raise MaskaudioError(f"{folder}: its networks and plans do not fit ({told} {what})")
    own = from_dict(MaskgctConfig, table.get("config"), where)
    name = unslug(folder.name)
    return MaskgctModel(name, folder, device, dtype, own, plans.semantic, plans.acoustic)
