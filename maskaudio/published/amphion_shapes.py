"""The shapes of Amphion's MaskGCT networks, read off their tensors; maskgct.json must say the same."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from maskaudio.codec.maskgct_acoustic import AcousticCodecConfig
from maskaudio.codec.maskgct_semantic import SemanticCodecConfig
from maskaudio.errors import MaskaudioError
from maskaudio.networks.maskgct import AcousticConfig, TextToSemanticConfig
from maskaudio.published.reading import Settings

HEADS = 16  # where no maskgct.json says
TRAINING = (  # settings that do not change what a network says, or that Amphion itself does not read
    "cfg_scale",
    "cond_dim",
    "mask_layer_schedule",
    "predict_layer_1",
)
DECODER_TRAINING = (
    "in_channel",
    "in_channels",
    "upsample_initial_channel",
    "up_ratios",
    "quantizer_dropout",
    "commitment",
    "codebook_loss_weight",
    "codebook_type",
    "kmeans_init",
    "kmeans_iters",
    "decay",
    "eps",
    "threshold_ema_dead_code",
    "weight_init",
)
DECODER_FIXED = {"quantizer_type": "fvq", "use_l2_normlize": True, "use_vocos": True, "padding": "same"}


class Shapes:
    """The shapes of a file's tensors. Whatever is asked for and not there is a MaskaudioError naming it."""

    def __init__(self, tensors: Mapping[str, Tensor], where: str):
        self.tensors, self.where = tensors, where

    def size(self, name: str, dim: int = 0) -> int:
        """How large the tensor of this name is in one dimension."""
        if name not in self.tensors:
            raise MaskaudioError(f"{self.where}: the tensor '{name}' is missing")
        shape = self.tensors[name].shape
        if dim >= len(shape):
            raise MaskaudioError(f"{self.where}: the tensor '{name}' is {list(shape)}")
        return shape[dim]

    def count(self, stem: str) -> int:
        """How many modules are numbered behind this name."""
        numbers = {
            match[1] for name in self.tensors if (match := re.match(rf"{re.escape(stem)}\.(\d+)\.", name))
        }
        return len(numbers)


def text_shape(shapes: Shapes, settings: Settings | None) -> TextToSemanticConfig:
    """The first network. Raises MaskaudioError where tensors are missing or settings say something else."""
    vocab, dim = shapes.size("cond_emb.weight"), shapes.size("cond_emb.weight", 1)
    layers = shapes.count("diff_estimator.layers")
    heads = _setting(settings, "t2s_model", "num_heads", HEADS)
    said = {"hidden_size": dim, "num_layers": layers, "cond_codebook_size": vocab}
    _check(settings, "t2s_model", said, TRAINING, {"use_phone_cond": True})
    return TextToSemanticConfig(vocab, shapes.size("phone_emb.weight"), dim, layers, heads)


def sound_shape(shapes: Shapes, settings: Settings | None, which: str) -> AcousticConfig:
    """The same of one of the second networks, "s2a_1layer" or "s2a_full"."""
    table = f"s2a_model.{which}"
    streams, dim = shapes.size("layer_emb.weight"), shapes.size("layer_emb.weight", 1)
    vocab, semantic = shapes.size("token_emb.0.weight"), shapes.size("cond_emb.weight")
    layers = shapes.count("diff_estimator.layers")
    said = {"num_quantizer": streams, "hidden_size": dim, "num_layers": layers, "codebook_size": vocab}
    _check(settings, table, said | {"cond_codebook_size": semantic}, TRAINING)
    return AcousticConfig(
        streams, vocab, semantic, dim, layers, _setting(settings, table, "num_heads", HEADS)
    )


def semantic_shape(shapes: Shapes, settings: Settings | None) -> SemanticCodecConfig:
    """The same of the codec of semantic tokens."""
    vocab, code_dim = (shapes.size("quantizer.quantizers.0.codebook.weight", i) for i in range(2))
    dim, features = (shapes.size("encoder.0.embed.weight", i) for i in range(2))
    hidden, layers = shapes.size("encoder.0.convnext.0.pwconv1.weight"), shapes.count("encoder.0.convnext")
    said = {"codebook_size": vocab, "hidden_size": features, "codebook_dim": code_dim, "vocos_dim": dim}
    said |= {"vocos_intermediate_dim": hidden, "vocos_num_layers": layers}
    _check(settings, "semantic_codec", said, (), {"num_quantizers": 1, "downsample_scale": 1})
    return SemanticCodecConfig(vocab, features, code_dim, dim, hidden, layers)


def acoustic_shape(shapes: Shapes, settings: Settings | None) -> AcousticCodecConfig:
    """The same of the acoustic codec; `encoder.` stands before the names of its first file."""
    dim = shapes.size("encoder.block.0.weight_v")
    strides = []
    while f"encoder.block.{len(strides) + 1}.block.4.weight_v" in shapes.tensors:
        strides.append(shapes.size(f"encoder.block.{len(strides) + 1}.block.4.weight_v", 2) // 2)
    latent = shapes.size(f"encoder.block.{len(strides) + 2}.weight_v")
    said = {"d_model": dim, "up_ratios": strides, "out_channels": latent}
    _check(settings, "acoustic_codec.encoder", said, (), {"use_tanh": False})
    streams = shapes.count("quantizer.quantizers")
    vocab, code_dim = (shapes.size("quantizer.quantizers.0.codebook.weight", i) for i in range(2))
    width, layers = shapes.size("model.backbone.embed.weight"), shapes.count("model.backbone.convnext")
    hidden = shapes.size("model.backbone.convnext.0.pwconv1.weight")
    n_fft = shapes.size("model.head.istft.window")
    hop = _setting(settings, "acoustic_codec.decoder", "hop_size", math.prod(strides))  # no tensor tells
    said = {"num_quantizers": streams, "codebook_size": vocab, "codebook_dim": code_dim, "vocos_dim": width}
    said |= {"vocos_intermediate_dim": hidden, "vocos_num_layers": layers, "n_fft": n_fft, "hop_size": hop}
    _check(settings, "acoustic_codec.decoder", said, DECODER_TRAINING, DECODER_FIXED)
    return AcousticCodecConfig(
        dim=dim,
        strides=tuple(strides),
        latent=latent,
        streams=streams,
        vocab=vocab,
        code_dim=code_dim,
        vocoder_dim=width,
        vocoder_hidden=hidden,
        vocoder_layers=layers,
        n_fft=n_fft,
        hop=hop,
    )


def _setting(settings: Settings | None, table: str, name: str, usual: int) -> int:
    """A whole number of 1 or more; the usual one where nothing is said."""
    if settings is None or name not in settings.of(f"model.{table}", dict):
        return usual
    if (found := settings.of(f"model.{table}.{name}", int)) < 1:
        raise MaskaudioError(f"{settings.where}: 'model.{table}.{name}' is {found}")
    return found


def _check(
    settings: Settings | None,
    table: str,
    said: Mapping[str, Any],
    others: Sequence[str],
    usual: Mapping[str, Any] | None = None,
) -> None:
    """Whether the settings of a network are known, and say what its tensors say."""
    if settings is None:
        return
    table = f"model.{table}"
    settings.check(table, {}, usual or {}, (*said, *others, "num_heads"))
    for name, want in said.items():
        if name in settings[table] and (found := settings[f"{table}.{name}"]) != want:
            raise MaskaudioError(f"{settings.where}: '{table}.{name}' is {found!r}, the weights say {want!r}")
