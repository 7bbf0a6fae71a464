"""Going on from a trained model (`--from`) in place of a new network."""

from torch import nn

from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.errors import UsageError


def known_network(model: str, kind: str, cls: type, config_cls: type, **same: str) -> nn.Module:
    """The network of `model`, a name or folder. Raises UsageError where its config has not the `same` values.

    same: fields of the model's config that say what its tokens and texts mean, as the recipe has them.
    """
    folder = find_model(model, kind)
    table = read_config(folder)
    for name, value in same.items():
        if table.get(name) != value:
            what = name.removesuffix("_hash")
            raise UsageError(f"--from {model}: '{what}' is another there than in the recipe")
    return build(cls, config_cls, folder, kind).train()
