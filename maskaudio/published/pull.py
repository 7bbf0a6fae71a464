"""Published models by name: fetched and converted once, ours from then on."""

import logging
from pathlib import Path

from maskaudio.checkpoints.catalogue import (
    EAR_FILES,
    NONCOMMERCIAL,
    PUBLISHED,
    REFUSED,
    TEXT_ENCODER_FILES,
    published,
    slug,
)
from maskaudio.checkpoints.hub import fetch, offline
from maskaudio.checkpoints.registry import find_model, home, kind_of, local_folder, read_config
from maskaudio.published.convert import convert


def find_or_pull(name: str | Path, kind: str, *others: str) -> Path:
    """`find_model` for whoever may fetch: a published model that is not here yet is pulled.

    Raises UsageError where it is of another kind, before anything is fetched.
    """
    wanted = str(name)
    if wanted in (*PUBLISHED, *REFUSED) and not local_folder(wanted) and not Path(name).is_dir():
        published(wanted)
        kind_of(name, kind, *others)
        return pull(wanted)
    return find_model(name, kind, *others)


def pull(name: str) -> Path:
    """Fetch the published model `name`, with all it stands on, and convert it; returns its folder.

    What is here already is left as it is; a broken download goes on where it stopped. Raises UsageError for
    an unknown name, MaskaudioError where the model cannot be fetched or is not what it should be.
    """
    about = published(name)
    if folder := local_folder(name):
        _fetch_companion(folder)
        return folder
    folder = home() / "models" / slug(name)
    terms = f"{about.licence}{': not for commercial use' if about.licence == NONCOMMERCIAL else ''}"
    way = "converting" if offline() else f"fetching about {about.gigabytes:.1f} GB of"
    logging.getLogger("maskaudio").warning("%s %s, once; its weights are under %s", way, name, terms)
    convert(fetch(name, about.files), folder)
    _fetch_companion(folder)
    return folder


def _fetch_companion(folder: Path) -> None:
    """Fetch what the model in `folder` stands on: a text encoder, or an ear, where it is not within it."""
    table = read_config(folder)
    if table["kind"] == "magnet":
        name, files = table["text"], TEXT_ENCODER_FILES
    else:
        name, files = table["config"]["ear"], EAR_FILES
    if not (folder / name).is_dir():
        fetch(name, files)
