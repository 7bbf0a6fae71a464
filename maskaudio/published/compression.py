"""Audiocraft's compression models → SeanetCodec: from their own checkpoint, or from one of transformers.

Either way weight norm is folded in, w = g · v / |v|, just as torch folds it at every pass.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskaudio.codec.seanet import SeanetCodec, SeanetConfig
from maskaudio.errors import MaskaudioError, first_line
from maskaudio.published.reading import Settings, Weights, fit, shaped

NORMED = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
SHAPE = {  # our names of settings of xp.cfg and of transformers' config.json
    "sample_rate": ("encodec.sample_rate", "sampling_rate"),
    "ratios": ("seanet.ratios", "upsampling_ratios"),
    "vocab": ("rvq.bins", "codebook_size"),
    "dim": ("seanet.dimension", "hidden_size"),
    "filters": ("seanet.n_filters", "num_filters"),
    "pad_mode": ("seanet.pad_mode", "pad_mode"),
    "residual_layers": ("seanet.n_residual_layers", "num_residual_layers"),
    "kernel": ("seanet.kernel_size", "kernel_size"),
    "residual_kernel": ("seanet.residual_kernel_size", "residual_kernel_size"),
    "last_kernel": ("seanet.last_kernel_size", "last_kernel_size"),
    "dilation_base": ("seanet.dilation_base", "dilation_growth_rate"),
    "compress": ("seanet.compress", "compress"),
    "lstm": ("seanet.lstm", "num_lstm_layers"),
    "causal": ("seanet.causal", "use_causal_conv"),
}
FIXED = {  # what xp.cfg must say beside that
    "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "channels": 1},
    "seanet": {
        "channels": 1,
        "activation": "ELU",
        "activation_params": {"alpha": 1.0},
        "norm": "weight_norm",
        "norm_params": {},
    },
    "rvq": {},
}
USUAL = {
    "encodec": {"renormalize": False},
    "seanet": {"disable_norm_outer_blocks": 0, "encoder": {}},
    "rvq": {},
}
OTHERS = {  # what it may say as it likes: what is read elsewhere, and how the quantiser learnt
    "encodec": {"causal", "renorm"},
    "seanet": {"decoder", "true_skip"},
    "rvq": {
        "n_q",
        "q_dropout",
        "decay",
        "kmeans_init",
        "kmeans_iters",
        "threshold_ema_dead_code",
        "orthogonal_reg_weight",
        "orthogonal_reg_active_codes_only",
        "orthogonal_reg_max_codes",
    },
}
DECODER = {"trim_right_ratio": 1.0, "final_activation": None, "final_activation_params": None}
LEARNING = r".*codebook\.(inited|cluster_size|embed_avg)"  # what training kept of each codebook


def from_audiocraft(settings: Settings, state: Any) -> tuple[SeanetConfig, dict[str, Tensor]]:
    """The codec of xp.cfg and best_state. Raises MaskaudioError where there is anything unknown in them."""
    if (kind := settings["compression_model"]) != "encodec":
        raise MaskaudioError(f"{settings.where}: a compression model of kind '{kind}', not EnCodec")
    for table in FIXED:
        read = {names[0].removeprefix(f"{table}.") for names in SHAPE.values() if names[0].startswith(table)}
        settings.check(table, FIXED[table], USUAL[table], read | OTHERS[table])
    settings.check("seanet.decoder", {}, DECODER, ())
    shape = {ours: settings[theirs] for ours, (theirs, _) in SHAPE.items()}
    shape |= {"streams": settings["rvq.n_q"], "true_skip": settings["seanet.true_skip"]}
    weights = Weights(state, settings.where)
    return _codec(shape, weights, lambda name: name, "quantizer.vq.layers.{}._codebook")


def from_transformers(folder: Path) -> tuple[SeanetConfig, dict[str, Tensor]]:
    """The codec of a folder of transformers' EncodecModel (config.json and model.safetensors)."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        settings = Settings(json.loads((folder / "config.json").read_text(encoding="utf-8")), str(folder))
        weights = Weights(load_file(folder / "model.safetensors"), str(folder))
    except (OSError, ValueError, SafetensorError) as error:
        why = first_line(error)
        raise MaskaudioError(f"{folder}: not a whole EncodecModel of transformers ({why})") from None
    for name, want in {
        "model_type": "encodec",
        "audio_channels": 1,
        "normalize": False,
        "norm_type": "weight_norm",
        "chunk_length_s": None,
        "trim_right_ratio": 1.0,
        "codebook_dim": settings["hidden_size"],
    }.items():
        settings.require(name, want)
    books = sum(name.endswith(".codebook.embed") for name in weights.tensors)
    shape = {ours: settings[theirs] for ours, (_, theirs) in SHAPE.items()}
    shape |= {"streams": books, "true_skip": not settings["use_conv_shortcut"]}
    return _codec(shape, weights, _name_in_transformers, "quantizer.layers.{}.codebook")


def _codec(
    shape: dict[str, Any], weights: Weights, theirs: Callable[[str], str], book: str
) -> tuple[SeanetConfig, dict[str, Tensor]]:
    """Config and state of the codec; theirs(name): what they call one of our tensors, `book` a codebook."""
    config = shaped(SeanetConfig, shape, weights.where)
    with torch.device("meta"):
        own = SeanetCodec(config).state_dict()
    state = {}
    for name in own:
        if name == "quantiser.codebooks":
            books = [weights.take(book.format(k) + ".embed") for k in range(config.streams)]
            state[name] = torch.stack(books)
        else:
            state[name] = _folded(weights, theirs(name))
    weights.drop(LEARNING)
    weights.finish()
    fit(state, own, weights.where)
    return config, state


def _folded(weights: Weights, name: str) -> Tensor:
    """The tensor `name`, made of its two parts where weight norm has split it."""
    stem = name.removesuffix("weight")
    for size, direction in NORMED:
        if name != stem and stem + size in weights:
            return torch._weight_norm(weights.take(stem + direction), weights.take(stem + size), 0)
    return weights.take(name)


def _name_in_transformers(name: str) -> str:
    for ours, theirs in ((".model.", ".layers."), (".conv.conv.", ".conv."), (".convtr.convtr.", ".conv.")):
        name = name.replace(ours, theirs)
    return name
