"""What audiocraft 1.3 made of tiny random models, to be matched: tests/fixtures/magnet, or a fuller set.

A set is a published folder with recorded arrays beside it (see its README). Which cases it has, and of what
sizes, is read from the set itself.
"""

import copy
import functools
import json
import os
import re
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from maskaudio.checkpoints.folder import build
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.networks.magnet import MagnetConfig, MagnetNetwork
from maskaudio.published.convert import convert

CUT = Path(__file__).parents[1] / "fixtures" / "magnet"
ROOT = Path(os.environ["MASKAUDIO_FIXTURES"]) / "magnet" if "MASKAUDIO_FIXTURES" in os.environ else CUT


@functools.cache
def arrays() -> dict[str, Tensor]:
    """All recorded arrays."""
    return load_file(ROOT / "vectors.safetensors")


def table(name: str) -> dict:
    """A JSON or YAML file of the set."""
    return copy.deepcopy(_table(name))  # tests change it


@functools.cache
def _table(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))  # JSON is YAML


def matching(pattern: str) -> list[re.Match]:
    """The names of arrays that match in whole, as matches."""
    found = (re.fullmatch(pattern, name) for name in table("vectors_index.json"))
    return [match for match in found if match]


def cases(pattern: str) -> list[str]:
    """The first group of each name that matches."""
    return [match[1] for match in matching(pattern)]


@functools.cache
def converted(inside: str = "") -> Path:
    """The published folder, or one in it, as a model folder of ours."""
    import tempfile

    out = Path(tempfile.mkdtemp()) / "model"
    convert(ROOT / inside, out)
    return out


@functools.cache
def network() -> MagnetNetwork:
    """The network of the set, in single precision."""
    return build(MagnetNetwork, MagnetConfig, converted(), "magnet", torch.float32)


@functools.cache
def codec() -> Codec:
    """Its codec."""
    return load_codec(str(converted() / json.loads((converted() / "config.json").read_text())["codec"]))


def span_length() -> int:
    return table("lm_xp_cfg.yaml")["masking"]["span_len"]
