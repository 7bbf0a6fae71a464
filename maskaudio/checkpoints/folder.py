"""A model folder: config.json says what it is, model.safetensors holds the weights."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from maskaudio.checkpoints.registry import FORMAT, read_config
from maskaudio.config import from_dict, to_dict
from maskaudio.errors import MaskaudioError
from maskaudio.files import usual_permissions, write_file

SCALE = ":scale"  # beside an int8 matrix: its rows' scales
LARGE = 1 << 16  # entries from which on a matrix is worth rounding


def save_model(
    folder: Path,
    kind: str,
    config: Any,
    weights: nn.Module | Mapping[str, Tensor],
    *,
    compact: bool = True,
    **extra: Any,
) -> None:
    """Write `weights` to `folder`, each file whole or not at all; `extra` goes into config.json, too.

    compact: large matrices are stored as int8 per row. Published weights are stored as they are: rounding
    would move their tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    _write_weights(folder / "model.safetensors", _to_int8(tensors) if compact else tensors)
    table = {"format": FORMAT, "kind": kind, "config": to_dict(config), **extra}
    write_file(folder / "config.json", (json.dumps(table, indent=2) + "\n").encode())


def build(
    cls: type, config_cls: type, folder: Path, kind: str, dtype: torch.dtype | None = None
) -> nn.Module:
    """The network of `folder`, weights loaded, in eval mode.

    dtype: for large networks, whose weights are mapped into memory and never held twice: what floating
    point numbers become. Such a network must have no buffers beside its state dict.
    """
    table = read_config(folder)
    if table.get("kind") != kind:
        raise MaskaudioError(f"{folder} holds a {table.get('kind')} model, not a {kind} model")
    config = from_dict(config_cls, table.get("config"), f"{folder.name}/config.json")
    if dtype is None:
        module = cls(config)
        load_weights(folder, module)
    else:
        with torch.device("meta"):
            module = cls(config)
        map_weights(folder, module, dtype)
    return module.eval()


def load_weights(folder: Path, module: nn.Module) -> None:
    """Fill `module` from `folder`/model.safetensors. Raises MaskaudioError where the two do not fit."""
    weights = read_weights(folder)
    check_tensors(folder, weights, module)
    module.load_state_dict(weights, assign=False)


def map_weights(folder: Path, module: nn.Module, dtype: torch.dtype) -> None:
    """The same for a `module` on the meta device: its tensors become those of the file, as `dtype`."""
    weights = read_weights(folder)
    check_tensors(folder, weights, module)
    for name in list(weights):
        if weights[name].is_floating_point():
            weights[name] = weights[name].to(dtype)
    module.load_state_dict(weights, assign=True)
    module.requires_grad_(False)


def check_tensors(where: Path, weights: Mapping[str, Tensor], module: nn.Module) -> None:
    """Raise MaskaudioError, naming the tensor, where `weights` (from `where`) are not those of `module`."""
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise MaskaudioError(f"{where}: the weights lack '{name}'; config and weights do not fit")
        if weights[name].shape != tensor.shape:
            raise MaskaudioError(
                f"{where}: '{name}' is {list(weights[name].shape)}, the config asks for {list(tensor.shape)}"
            )
    foreign = sorted(weights.keys() - own.keys())
    if foreign:
        raise MaskaudioError(f"{where}: the weights hold an unknown '{foreign[0]}'")


def read_weights(folder: Path, name: str = "model.safetensors") -> dict[str, Tensor]:
    """All tensors of a file in `folder`, mapped into memory; int8 rows are turned back into float32."""
    from safetensors.torch import load_file

    path = folder / name
    try:
        return _from_int8(load_file(path))
    except FileNotFoundError:
        raise MaskaudioError(f"{path}: the weights are missing; install the model again") from None
    except (SafetensorError, OSError) as error:
        raise MaskaudioError(f"{path}: damaged weights ({error}); install the model again") from None


def _write_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part)
        usual_permissions(part)
        os.replace(part, path)
    except (SafetensorError, OSError) as error:
        raise MaskaudioError(f"{path}: cannot be written ({error})") from None
    finally:
        part.unlink(missing_ok=True)


def _to_int8(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Store large matrices as int8 with one scale per row: a quarter of the size, off by 0.4 % of the peak.

    Small ones stay: what writes a codec's mels is among them, and rounding it was heard (DNSMOS 3.07 → 2.90).
    """
    stored = {}
    for name, tensor in weights.items():
        if tensor.dim() < 2 or tensor.numel() < LARGE or not tensor.is_floating_point():
            stored[name] = tensor
            continue
        peak = tensor.flatten(1).abs().amax(1).clamp(min=1e-12)
        scale = peak.view(-1, *[1] * (tensor.dim() - 1)) / 127
        stored[name] = (tensor / scale).round().to(torch.int8)
        stored[name + SCALE] = peak / 127
    return stored


def _from_int8(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    weights = {n: t for n, t in stored.items() if not n.endswith(SCALE)}
    for name, tensor in weights.items():
        if tensor.dtype == torch.int8 and name + SCALE in stored:
            scale = stored[name + SCALE]
            weights[name] = tensor.float() * scale.view(-1, *[1] * (tensor.dim() - 1))
    return weights
