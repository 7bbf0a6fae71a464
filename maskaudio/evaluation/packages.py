"""Packages that measure: used where they are installed, and named where they are not."""

import importlib
import logging
from collections.abc import Sequence
from typing import Any

from maskaudio.errors import MaskaudioError

EXTRA = 'pip install "maskaudio[eval]"'
INSTALL = {  # those that no extra can hold: one asks for packages long outdated, one for a C compiler
    "resemblyzer": f"{EXTRA} && pip install --no-deps Resemblyzer",
    "pesq": "pip install pesq",
}


def optional(module: str, what: str, keys: Sequence[str], missing: dict[str, str]) -> Any:
    """The module, or None where it is not installed: then the measures `keys` are left out."""
    try:
        return importlib.import_module(module)
    except ImportError:
        leave_out(what, keys, INSTALL.get(module, EXTRA), missing)
        return None


def needed(module: str, what: str) -> Any:
    """The module. Raises MaskaudioError, saying how to install it, where it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MaskaudioError(f"{what} needs a package: {INSTALL.get(module, EXTRA)}") from None


def leave_out(what: str, keys: Sequence[str], why: str, missing: dict[str, str]) -> None:
    """Say that measures are missing, and what to do; `missing` keeps the reason for each."""
    missing.update(dict.fromkeys(keys, why))
    logging.getLogger("maskaudio").warning("%s: left out; %s", what, why)
