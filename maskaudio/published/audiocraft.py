"""Audiocraft's checkpoints → our model folders: MAGNeT, and the compression model that is its codec.

A published folder holds `state_dict.bin` and `compression_state_dict.bin`, each a table of weights
(`best_state`) and the settings of its training (`xp.cfg`, YAML). Every tensor and every setting that says
what the network is must be known; the rest is about training.
"""

import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskaudio.checkpoints.folder import save_model
from maskaudio.checkpoints.hub import fetch
from maskaudio.codec.seanet import SeanetConfig
from maskaudio.config import to_dict
from maskaudio.decoding.published import magnet_plan
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.magnet import MagnetConfig, MagnetNetwork
from maskaudio.published.compression import from_audiocraft, from_transformers
from maskaudio.published.pickles import read_pickle
from maskaudio.published.reading import Settings, Weights, fit, shaped

MODEL, CODEC = "state_dict.bin", "compression_state_dict.bin"
LICENCE = "CC-BY-NC-4.0"
SHAPE = {  # our names of settings of transformer_lm
    "streams": "n_q",
    "vocab": "card",
    "dim": "dim",
    "layers": "num_layers",
    "heads": "num_heads",
    "window": "subcodes_context",
}
FIXED = {  # what transformer_lm must say beside that
    "norm_first": True,
    "bias_ff": False,
    "bias_attn": False,
    "bias_proj": False,
    "causal": False,
}
USUAL = {
    "activation": "gelu",
    "norm": "layer_norm",
    "past_context": None,
    "layer_scale": None,
    "positional_embedding": "sin",
    "max_period": 10000,
    "positional_scale": 1.0,
    "xpos": False,
    "qk_layer_norm": False,
    "qk_layer_norm_cross": False,
    "kv_repeat": 1,
}
TRAINING = (  # what does not change what the network says, or is overruled when it is loaded
    "dropout",
    "attention_dropout",
    "emb_lr",
    "lr",
    "weight_decay",
    "custom",
    "memory_efficient",
    "attention_as_float32",
    "checkpointing",
    "weight_init",
    "depthwise_init",
    "zero_bias_init",
    "two_step_cfg",
    "q_modeling",
    "cross_attention",
    "compression_model_framerate",
    "segment_duration",
    "span_len",
)
NAMES = (  # ours, theirs
    ("project.", "condition_provider.conditioners.description.output_proj."),
    ("transformer.embed.", "emb."),
    ("transformer.heads.", "linears."),
    ("transformer.norm.", "out_norm."),
    (".attention.qkv.weight", ".self_attn.in_proj_weight"),
    (".attention.out.", ".self_attn.out_proj."),
    (".cross.query.weight", ".cross_attention.in_proj_weight"),  # its first third
    (".cross.memory.weight", ".cross_attention.in_proj_weight"),  # and the rest
    (".cross.out.", ".cross_attention.out_proj."),
    (".norm_self.", ".norm1."),
    (".norm_feed.", ".norm2."),
    (".up.", ".linear1."),
    (".down.", ".linear2."),
)


def convert(source: Path, out: Path) -> None:
    """Write the published folder `source` into the folder `out`, its codec as a folder in it.

    Where only the compression model is there, `out` is a codec. Weights keep their precision. Raises
    UsageError where one of the files is missing, MaskaudioError for files that are damaged, foreign, or of
    another model.
    """
    check_name(name := source_name(source))
    config, weights = read_codec(source / CODEC)
    if not (source / MODEL).is_file():
        return _save_codec(out, config, weights, name)
    _save_codec(out / _codec_name(config), config, weights, name)
    _convert_model(source / MODEL, out, name, config)


def check_name(name: str) -> None:
    """Raise UsageError for checkpoints that look like MAGNeT's and are not; no file tells, only the name."""
    if "hybrid-magnet" in name:
        raise UsageError(
            f"{name}: half left to right, half masked, and how it decodes was never published; "
            f"take {name.replace('hybrid-magnet', 'magnet')}-10secs"
        )


def source_name(source: Path) -> str:
    """What a published folder is called: on the hub, where it lies in the hub's cache; else its own name."""
    place = source.absolute()
    cached = re.fullmatch(r"models--(.+?)--(.+)", place.parent.parent.name)
    return "/".join(cached.groups()) if cached and place.parent.name == "snapshots" else place.resolve().name


def magnet(settings: Settings, state: Any, frame_rate: float) -> tuple[MagnetConfig, dict[str, Tensor]]:
    """Network and weights of xp.cfg and best_state, on a codec of `frame_rate`.

    Raises MaskaudioError for another kind of model, and naming the first setting or tensor that is unknown,
    missing, or of another shape.
    """
    if (kind := settings["lm_model"]) != "transformer_lm_magnet":
        raise MaskaudioError(f"{settings.where}: a model of kind '{kind}', not MAGNeT")
    settings.check("transformer_lm", FIXED, USUAL, (*SHAPE.values(), "hidden_scale", *TRAINING))
    settings.require("codebooks_pattern.modeling", "parallel")
    heard = {"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []}
    usual = {"cross_attention_pos_emb": False}
    settings.check("fuser", heard, usual, ("cross_attention_pos_emb_scale",))
    settings.require("conditioners.description.model", "t5")
    usual = {"normalize_text": False, "finetune": False}
    settings.check("conditioners.description.t5", {}, usual, ("name", "word_dropout", "autocast_dtype"))
    weights = Weights(state, settings.where)
    told = weights.take("condition_provider.conditioners.description.output_proj.weight")
    shape = {ours: settings[f"transformer_lm.{theirs}"] for ours, theirs in SHAPE.items()}
    scale = settings.of("transformer_lm.hidden_scale", int, float)
    seconds = settings.of("dataset.segment_duration", int, float)
    shape["feed"] = int(scale * settings.of("transformer_lm.dim", int))
    shape["frames"] = int(seconds * frame_rate)
    shape["text_dim"] = told.shape[-1] if told.dim() else 0
    config = shaped(MagnetConfig, shape, settings.where)
    with torch.device("meta"):
        own = MagnetNetwork(config).state_dict()
    renamed = {}
    for name in own:
        renamed[name] = weights.take(published_name(name))
        if name.endswith(".cross.query.weight"):
            renamed[name] = renamed[name][: config.dim]
        elif name.endswith(".cross.memory.weight"):
            renamed[name] = renamed[name][config.dim :]
    weights.finish()
    fit(renamed, own, settings.where)
    return config, renamed


def published_name(name: str) -> str:
    """What audiocraft calls a tensor of MagnetNetwork."""
    for ours, theirs in NAMES:
        name = name.replace(ours, theirs)
    return name


def read_codec(path: Path) -> tuple[SeanetConfig, dict[str, Tensor]]:
    """Codec and weights of a compression model's checkpoint: those in it, or of the model that it names."""
    table = read_pickle(path)
    if "pretrained" in table:
        return from_transformers(_pretrained(table["pretrained"], path))
    return from_audiocraft(*_parsed(table, path))


def _convert_model(path: Path, out: Path, name: str, codec: SeanetConfig) -> None:
    settings, state = _parsed(read_pickle(path), path)
    rate = codec.sample_rate / math.prod(codec.ratios)
    config, weights = magnet(settings, state, rate)
    what = f"{config.frames / rate:g} s of sound at {codec.sample_rate / 1000:g} kHz"
    plan = magnet_plan(
        (20, *[10] * (config.streams - 1)),  # as audiocraft's MAGNeT.set_generation_params has it
        span_length=settings.of("masking.span_len", int),
    )
    save_model(
        out,
        "magnet",
        config,
        weights,
        compact=False,
        plan=to_dict(plan),
        codec=_codec_name(codec),
        text=settings.of("conditioners.description.t5.name", str),
        about=_about(f"MAGNeT, text to {what}, by Meta", weights, name),
    )


def _codec_name(config: SeanetConfig) -> str:
    return f"encodec-{config.sample_rate // 1000}khz"


def _save_codec(out: Path, config: SeanetConfig, weights: dict[str, Tensor], name: str) -> None:
    about = _about(f"EnCodec, {config.sample_rate / 1000:g} kHz, by Meta", weights, name)
    save_model(out, "codec", config, weights, compact=False, about=about)


def _parsed(table: dict[str, Any], path: Path) -> tuple[Settings, Any]:
    """Settings and weights in the table of a checkpoint."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise MaskaudioError(
            'converting published models takes pyyaml: pip install "maskaudio[published]"'
        ) from None
    text, state = table.get("xp.cfg"), table.get("best_state")
    if not isinstance(text, str) or state is None:
        raise MaskaudioError(f"{path}: no checkpoint that audiocraft exported (no 'xp.cfg' and 'best_state')")
    try:
        return Settings(yaml.safe_load(text), str(path)), state
    except yaml.YAMLError:
        raise MaskaudioError(f"{path}: its settings are damaged (not YAML)") from None


def _pretrained(name: Any, path: Path) -> Path:
    """The folder of the model that a checkpoint names instead of holding it."""
    if not isinstance(name, str):
        raise MaskaudioError(f"{path}: names no model but {name!r}")
    return Path(name) if Path(name).is_dir() else fetch(name, ("config.json", "model.safetensors"))


def _about(summary: str, weights: dict[str, Tensor], source: str) -> dict[str, Any]:
    count = sum(tensor.numel() for tensor in weights.values())
    return {"summary": summary, "licence": LICENCE, "parameters": count, "source": source}
