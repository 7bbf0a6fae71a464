"""A model folder: config.json says what it is, model.safetensors holds the weights."""

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from maskaudio.config import from_dict, to_dict
from maskaudio.errors import MaskaudioError

FORMAT = 1


def save_model(folder: Path, kind: str, config: Any, module: nn.Module, **extra: Any) -> None:
    """Write `module` to `folder`, whole or not at all. `extra` goes into config.json beside the config."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {n: t.detach().cpu().contiguous() for n, t in module.state_dict().items()}
    table = {"format": FORMAT, "kind": kind, "config": to_dict(config), **extra}
    save_file(weights, folder / "model.part")
    os.replace(folder / "model.part", folder / "model.safetensors")
    (folder / "config.part").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    os.replace(folder / "config.part", folder / "config.json")


def read_config(folder: Path) -> dict[str, Any]:
    """The table in `folder`/config.json. Raises MaskaudioError where it is missing, cut or foreign."""
    path = folder / "config.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot read the model's config ({error.strerror})") from None
    except ValueError:
        raise MaskaudioError(f"{path}: damaged (not JSON); install the model again") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise MaskaudioError(f"{path}: not a maskaudio model of format {FORMAT}")
    return table


def load_weights(folder: Path, module: nn.Module) -> None:
    """Fill `module` from `folder`/model.safetensors. Raises MaskaudioError where the two do not fit."""
    weights = read_weights(folder)
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise MaskaudioError(f"{folder}: the weights lack '{name}'; config and weights do not fit")
        if weights[name].shape != tensor.shape:
            raise MaskaudioError(
                f"{folder}: '{name}' is {tuple(weights[name].shape)}, the config asks for {tuple(tensor.shape)}"
            )
    foreign = sorted(weights.keys() - own.keys())
    if foreign:
        raise MaskaudioError(f"{folder}: the weights hold an unknown '{foreign[0]}'")
    module.load_state_dict(weights, assign=False)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of `folder`/model.safetensors."""
    from safetensors.torch import load_file

    path = folder / "model.safetensors"
    try:
        return load_file(path)
    except FileNotFoundError:
        raise MaskaudioError(f"{path}: the weights are missing; install the model again") from None
    except (SafetensorError, OSError) as error:
        raise MaskaudioError(f"{path}: damaged weights ({error}); install the model again") from None


def build(cls: type, config_cls: type, folder: Path, kind: str) -> nn.Module:
    """The network of `folder`, weights loaded, in eval mode."""
    table = read_config(folder)
    if table.get("kind") != kind:
        raise MaskaudioError(f"{folder} holds a {table.get('kind')} model, not a {kind} model")
    module = cls(from_dict(config_cls, table.get("config"), f"{folder.name}/config.json"))
    load_weights(folder, module)
    return module.eval()
