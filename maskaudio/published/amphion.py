"""Amphion's MaskGCT → a model folder of ours, of four networks that are loaded when they are needed.

Sizes are read off the tensors, so that checkpoints of other sizes convert, too; what no tensor tells (heads)
is in maskgct.json, which lies beside Amphion's code and not beside the weights. So do the statistics of
w2v-bert-2.0's features: they come with maskaudio.
"""

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskaudio.checkpoints.catalogue import NONCOMMERCIAL
from maskaudio.checkpoints.folder import check_tensors, read_weights, save_model
from maskaudio.codec.maskgct_acoustic import AcousticCodec
from maskaudio.codec.maskgct_semantic import SemanticCodec
from maskaudio.config import to_dict
from maskaudio.decoding.published import maskgct_plan
from maskaudio.errors import MaskaudioError
from maskaudio.networks.maskgct import SemanticToAcoustic, SemanticToAcousticConfig, TextToSemantic
from maskaudio.published.amphion_shapes import (
    Shapes,
    acoustic_shape,
    semantic_shape,
    sound_shape,
    text_shape,
)
from maskaudio.published.reading import Settings

TEXT, SOUND, SEMANTIC, ACOUSTIC = "text-to-semantic", "semantic-to-acoustic", "semantic", "acoustic"
STATISTICS = "wav2vec2bert_stats.safetensors"
PART = "maskgct part"  # kind of those that are no codec
UNUSED = "diff_estimator.embed_tokens.weight"  # a table without rows
EAR, EAR_LAYERS = "facebook/w2v-bert-2.0", 17
STEPS, FIRST_STEPS = (25,), (25, 10)  # of the semantic stream; of the first acoustic ones, the others have 1
TEMPERATURE = 0.9, 1.5  # of semantic and acoustic streams
NEVER = 0.98  # the share of codes that is never drawn, Amphion's filter_thres
ABOUT = {
    "summary": "MaskGCT, speech in the voice of a clip, by Amphion",
    "licence": NONCOMMERCIAL,
    "source": "amphion/MaskGCT",
}


@dataclass(frozen=True)
class MaskgctConfig:
    """What hears the voice: a folder in that of the model or a name on the hub, and so many of its layers."""

    ear: str = EAR
    layers: int = EAR_LAYERS


def convert(source: Path, out: Path) -> None:
    """Write what Amphion published in the folder `source` as the model folder `out`, tensors as they are.

    source: as on the hub; with maskgct.json (or config/maskgct.json), wav2vec2bert_stats.safetensors and a
    folder w2v_bert… of that network, where they are not the published ones. Raises MaskaudioError, naming
    the file and the tensor or setting, where something is missing, unknown, damaged, or does not fit.
    """
    settings = _settings(source)
    text = _text(source, out / TEXT, settings)
    sound = _sound(source, out / SOUND, settings)
    semantic = _semantic(source, out / SEMANTIC, settings)
    acoustic = _acoustic(source, out / ACOUSTIC, settings)
    told = sound.config.full
    steps = (*FIRST_STEPS, *[1] * told.streams)[: told.streams]
    plans = [
        maskgct_plan(counts, temperature=temperature, top_k=likeliest(vocab))
        for counts, temperature, vocab in (
            (STEPS, TEMPERATURE[0], text.vocab),
            (steps, TEMPERATURE[1], told.vocab),
        )
    ]
    networks = text, sound, semantic, acoustic
    parameters = sum(p.numel() for network in networks for p in network.parameters())
    save_model(
        out,
        "maskgct",
        _ear(source, out),
        _statistics(source),
        compact=False,
        semantic=to_dict(plans[0]),
        acoustic=to_dict(plans[1]),
        about=ABOUT | {"parameters": parameters},
    )


def likeliest(vocab: int, never: float = NEVER) -> int:
    """How many of `vocab` codes may be drawn: in floating point, rounded up, as in Amphion's top_k."""
    return math.ceil((1 - never) * vocab)


def _text(source: Path, out: Path, settings: Settings | None) -> TextToSemantic:
    place = source / "t2s_model"
    tensors = read_weights(place)
    return _saved(TextToSemantic, text_shape(Shapes(tensors, str(place)), settings), tensors, place, out)


def _sound(source: Path, out: Path, settings: Settings | None) -> SemanticToAcoustic:
    shapes, tensors = [], {}
    for which, prefix in (("s2a_1layer", "first."), ("s2a_full", "full.")):
        place = source / "s2a_model" / f"s2a_model_{which.removeprefix('s2a_')}"
        own = read_weights(place)
        if (unused := own.get(UNUSED)) is not None and not unused.numel():
            del own[UNUSED]
        shapes.append(sound_shape(Shapes(own, str(place)), settings, which))
        tensors |= {prefix + name: tensor for name, tensor in own.items()}
    return _saved(SemanticToAcoustic, SemanticToAcousticConfig(*shapes), tensors, source / "s2a_model", out)


def _semantic(source: Path, out: Path, settings: Settings | None) -> SemanticCodec:
    place = source / "semantic_codec"
    tensors = read_weights(place)
    return _saved(SemanticCodec, semantic_shape(Shapes(tensors, str(place)), settings), tensors, place, out)


def _acoustic(source: Path, out: Path, settings: Settings | None) -> AcousticCodec:
    place = source / "acoustic_codec"
    encoder, decoder = (read_weights(place, name) for name in ("model.safetensors", "model_1.safetensors"))
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.items()} | decoder
    shape = acoustic_shape(Shapes(tensors, str(place)), settings)
    return _saved(AcousticCodec, shape, tensors, place, out, "codec")


def _saved(
    network: type,
    config: Any,
    tensors: Mapping[str, Tensor],
    place: Path,
    out: Path,
    kind: str = PART,
) -> nn.Module:
    """The network of this shape without its weights, which are written to the folder `out`."""
    with torch.device("meta"):
        module = network(config)
    check_tensors(place, tensors, module)
    save_model(out, kind, config, tensors, compact=False, family="maskgct")
    return module


def _settings(source: Path) -> Settings | None:
    """What maskgct.json says; of other sizes, it may have more in its name."""
    found = sorted(source.glob("maskgct*.json")) + sorted(source.glob("config/maskgct*.json"))
    if not found:
        return None
    try:
        return Settings(json.loads(found[0].read_text(encoding="utf-8")), str(found[0]))
    except OSError as error:
        raise MaskaudioError(f"{found[0]}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise MaskaudioError(f"{found[0]}: damaged (not JSON)") from None


def _ear(source: Path, out: Path) -> MaskgctConfig:
    """The network that hears voices: one beside the others is copied, else it is the hub's."""
    beside = [place for place in sorted(source.glob("w2v*")) if (place / "config.json").is_file()]
    if not beside:
        return MaskgctConfig()
    shutil.copytree(beside[0], out / "w2v-bert")
    try:
        layers = json.loads((beside[0] / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
        return MaskgctConfig("w2v-bert", min(EAR_LAYERS, layers))
    except (ValueError, KeyError, TypeError):
        raise MaskaudioError(f"{beside[0]}/config.json: damaged, or not of w2v-bert") from None


def _statistics(source: Path) -> dict[str, Tensor]:
    """Mean and variance of the features, of the whole corpus."""
    place = source if (source / STATISTICS).is_file() else Path(str(files("maskaudio.published")))
    statistics = read_weights(place, STATISTICS)
    if statistics.keys() != {"mean", "var"} or statistics["mean"].shape != statistics["var"].shape:
        raise MaskaudioError(f"{place / STATISTICS}: not the mean and variance of features")
    return statistics
