"""MAGNeT-small of audiocraft 1.3.0, unmodified, at its true shape with random weights, on a CPU.

Runs in audiocraft's own environment (peers.py) beside a current torch: what it pins and a step does not need
is replaced by empty modules. xformers has no operator for a CPU (audiocraft issue #426); torch's own
attention stands in, the fastest that a user could patch in.
"""

import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from typing import Any, ClassVar

EMPTY = (
    *("av", "demucs", "dora", "encodec", "gradio", "laion_clap", "lameenc", "librosa", "pesq", "pystoi"),
    *("retrying", "spacy", "submitit", "torchaudio", "torchmetrics", "torchtext", "torchvision", "treetable"),
)
FRAMES, TOKENS, WORDS = 500, 2048, 16  # ten seconds, entries of a stream, T5 states of a prompt
SETTINGS = {
    "device": "cpu",
    "dtype": "float32",
    "lm_model": "transformer_lm_magnet",
    "dataset": {"segment_duration": 10},
    "codebooks_pattern": {"modeling": "parallel", "parallel": {"empty_initial": -1}},
    "attribute_dropout": {},
    "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
    "fuser": {
        "cross_attention_pos_emb": False,
        "cross_attention_pos_emb_scale": 1,
        "sum": [],
        "prepend": [],
        "cross": ["description"],
        "input_interpolate": [],
    },
    "conditioners": {
        "description": {
            "model": "t5",
            "t5": {"name": "t5-base", "finetune": False, "word_dropout": 0.3, "normalize_text": False},
        }
    },
    "transformer_lm": {
        "dim": 1024,
        "num_heads": 16,
        "num_layers": 24,
        "hidden_scale": 4,
        "n_q": 4,
        "card": TOKENS,
        "dropout": 0.0,
        "emb_lr": None,
        "activation": "gelu",
        "norm_first": True,
        "bias_ff": False,
        "bias_attn": False,
        "bias_proj": False,
        "past_context": None,
        "causal": False,
        "custom": False,
        "memory_efficient": True,
        "attention_as_float32": False,
        "layer_scale": None,
        "positional_embedding": "sin",
        "xpos": False,
        "checkpointing": "none",
        "weight_init": "gaussian",
        "depthwise_init": "current",
        "zero_bias_init": True,
        "norm": "layer_norm",
        "cross_attention": False,
        "qk_layer_norm": False,
        "qk_layer_norm_cross": False,
        "attention_dropout": None,
        "kv_repeat": 1,
        "two_step_cfg": False,
        "subcodes_context": 5,
        "compression_model_framerate": 50,
        "segment_duration": 10,
        "span_len": 3,
    },
}


class AudiocraftMagnet:
    """One guided step at a time, as ours does it in benchmarks/racing/ours.py."""

    def __init__(self) -> None:
        warnings.filterwarnings("ignore")
        sys.meta_path.insert(0, _Empty())
        import torch

        _stand_in_for_xformers(torch)
        from audiocraft.models import builders
        from audiocraft.modules import conditioners, transformer
        from omegaconf import OmegaConf

        conditioners.T5Tokenizer = types.SimpleNamespace(from_pretrained=lambda name: None)
        conditioners.T5EncoderModel = types.SimpleNamespace(from_pretrained=lambda name: torch.nn.Identity())
        transformer.set_efficient_attention_backend("xformers")  # as its own loader does
        torch.manual_seed(0)
        self.network, self.torch = builders.get_lm_model(OmegaConf.create(SETTINGS)).eval(), torch
        said = torch.randn(2, WORDS, 1024)
        said[1] = 0
        self.told = {"description": (said, torch.tensor([[1] * WORDS, [0] * WORDS]))}

    def step(self, number: int, stage: int = 0) -> float:
        """The first step of a stage on ten seconds, both rows of guidance; no audio comes of it."""
        torch = self.torch
        codes = torch.randint(0, TOKENS, (2, 4, FRAMES), generator=torch.Generator().manual_seed(number))
        codes[:, stage:] = TOKENS
        with torch.inference_mode():
            one, none = self.network(codes, [], self.told, stage=stage).chunk(2)
            none + 3.0 * (one - none)
        return 0.0


class _Anything:
    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __call__(self, *_: Any, **__: Any) -> "_Anything":
        return _Anything()

    def __getattr__(self, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


class _Module(types.ModuleType):
    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Anything,), {}) if name[:1].isupper() else _Anything()


class _Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module that has whatever is asked of it, in place of those of EMPTY."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] in EMPTY:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


def _stand_in_for_xformers(torch: Any) -> None:
    def attention(q: Any, k: Any, v: Any, attn_bias: Any = None, p: float = 0.0, **_: Any) -> Any:
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        made = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=attn_bias, dropout_p=p)
        return made.transpose(1, 2)

    names = ("xformers", "xformers.ops", "xformers.profiler", "xformers.profiler.profiler")
    root, ops, profiler, inner = modules = [types.ModuleType(name) for name in names]
    ops.unbind, ops.memory_efficient_attention = torch.unbind, attention
    ops.LowerTriangularMask = type("LowerTriangularMask", (), {})
    inner._Profiler = type("_Profiler", (), {"_CURRENT_PROFILER": None})
    root.ops, root.profiler, profiler.profiler = ops, profiler, inner
    root.__path__, root.__spec__ = [], importlib.machinery.ModuleSpec("xformers", None)
    sys.modules.update(zip(names, modules, strict=True))
