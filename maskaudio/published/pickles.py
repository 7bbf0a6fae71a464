"""Files of `torch.save`, read once and only where they hold tensors and plain values: nothing is executed."""

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from maskaudio.errors import MaskaudioError, UsageError

STORAGES = ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool")
ALLOWED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in STORAGES),
}


def read_pickle(path: Path) -> dict[str, Any]:
    """The table in `path`, its tensors mapped from the disk, not held in memory.

    Raises UsageError where there is no such file, MaskaudioError where it is cut, is none of `torch.save`,
    or asks for anything that is not ALLOWED.
    """
    import torch

    try:
        foreign = sorted(_asked_for(path) - ALLOWED)
        if foreign:
            raise MaskaudioError(
                f"{path}: asks to run {foreign[0].replace(' ', '.')}; refused, nothing was run"
            )
        table = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot be read ({error.strerror or error})") from None
    except MaskaudioError:
        raise
    except Exception:  # what a damaged pickle makes of its readers is anybody's guess
        raise MaskaudioError(
            f"{path}: damaged, cut short, or no file of torch.save; fetch it again"
        ) from None
    if not isinstance(table, dict):
        raise MaskaudioError(f"{path}: holds no table but a {type(table).__name__}")
    return table


def _asked_for(path: Path) -> set[str]:
    """What the pickle in `path` would import, each as "module name", found without unpickling it."""
    with zipfile.ZipFile(path) as archive:
        (inside,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        found = set()
        for code, argument, _ in pickletools.genops(archive.read(inside)):
            if code.name in ("GLOBAL", "INST"):
                found.add(argument)
            elif code.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                found.add(f"pickle {code.name}")  # names that only running it would tell; torch.save has none
    return found
