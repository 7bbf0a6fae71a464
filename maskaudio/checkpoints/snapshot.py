"""Models of others that a published model stands on: from the hub's own cache, or fetched into it."""

import os
from collections.abc import Sequence
from pathlib import Path

from maskaudio.errors import MaskaudioError


def fetch(name: str, files: Sequence[str]) -> Path:
    """The folder with `files` of hub model `name`.

    Raises MaskaudioError where they are not here and HF_HUB_OFFLINE=1 or the network forbids to fetch them.
    """
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError:
        raise MaskaudioError(
            f'{name}: the hub takes huggingface_hub: pip install "maskaudio[published]"'
        ) from None

    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(files), local_files_only=offline))
    except Exception as error:  # of the hub, of HTTP, of names; each has its own
        raise MaskaudioError(f"{name} is not here and cannot be fetched ({_why(error)})") from None
    if missing := [file for file in files if not (folder / file).is_file()]:
        raise MaskaudioError(f"{name}: has no {missing[0]}")
    return folder


def _why(error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return "HF_HUB_OFFLINE=1 and --offline forbid it"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
