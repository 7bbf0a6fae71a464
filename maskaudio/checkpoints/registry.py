"""Which models there are, shipped and local, and where they lie: without torch and without a network."""

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from maskaudio.checkpoints.catalogue import PUBLISHED, slug, unslug
from maskaudio.errors import MaskaudioError, UsageError

FORMAT = 1


@dataclass(frozen=True)
class ModelInfo:
    """What config.json says of a model, and how large its folder is; `problem` where it cannot be read."""

    name: str
    folder: Path
    origin: str  # shipped, local, or hub: to be fetched
    bytes: int
    kind: str = ""
    licence: str = ""
    summary: str = ""
    status: str = ""
    parameters: int = 0
    classes: tuple[str, ...] = ()
    problem: str = ""


def find_model(name: str | Path, kind: str, *others: str) -> Path:
    """The folder of model `name`: one that ships, one under MASKAUDIO_HOME, or a path to a folder.

    kind: what it is to be, `others`: what it may be as well. Raises UsageError, naming what there is, for an
    unknown name or a model of another kind.
    """
    kinds = (kind, *others)
    folder = local_folder(str(name)) or Path(name)
    if not folder.is_dir() and str(name) in PUBLISHED:
        raise UsageError(f"{name} is not on this machine: maskaudio models pull {name} fetches it")
    if not str(name).strip() or not folder.is_dir():
        known = [info.name for info in list_models() if info.kind in kinds]
        there = f"there is: {', '.join(known)}" if known else f"no {kind} model is installed"
        raise UsageError(f"unknown {kind} model '{name}' ({there}; or give the path of a model folder)")
    _check_kind(name, read_config(folder).get("kind"), kinds)
    return folder


def kind_of(name: str | Path, *kinds: str) -> str:
    """Which of `kinds` a model is; nothing is fetched. Raises UsageError as `find_model` does."""
    if not local_folder(str(name)) and str(name) in PUBLISHED:
        found = PUBLISHED[str(name)].kind
        _check_kind(name, found, kinds)
        return found
    return read_config(find_model(name, *kinds))["kind"]


def _check_kind(name: str | Path, found: object, kinds: tuple[str, ...]) -> None:
    if found not in kinds:
        raise UsageError(f"'{name}' is a {found} model, a {kinds[0]} model is needed")


def local_folder(name: str) -> Path | None:
    """Where the model of this name lies on this machine, one that ships before one under MASKAUDIO_HOME."""
    return next((place / slug(name) for _, place in _places() if _is_model(place, slug(name))), None)


def lasting_name(name: str | Path) -> str:
    """What another model's config may call a model: its name, or where its folder lies, absolute."""
    if local_folder(str(name)) or not Path(name).is_dir():
        return str(name)
    return str(Path(name).resolve())


def list_models() -> list[ModelInfo]:
    """All models that have a name, shipped ones first; a local one of the same name is not reached."""
    found: dict[str, ModelInfo] = {}
    for origin, place in _places():
        names = sorted(p.name for p in place.iterdir()) if place.is_dir() else []
        for name in names:
            if _is_model(place, name):
                found.setdefault(name, model_info(unslug(name), place / name, origin))
    return list(found.values())


def list_published() -> list[ModelInfo]:
    """The published models that are not on this machine; their `bytes` are what is to be fetched."""
    return [
        ModelInfo(
            name=model.name,
            folder=home() / "models" / slug(model.name),
            origin="hub",
            bytes=round(model.gigabytes * 1e9),
            kind=model.kind,
            licence=model.licence,
            summary=model.summary,
            parameters=model.parameters,
        )
        for model in PUBLISHED.values()
        if not local_folder(model.name)
    ]


def model_info(name: str, folder: Path, origin: str = "local") -> ModelInfo:
    """What there is to say of the model in `folder`."""
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    try:
        table = read_config(folder)
    except MaskaudioError as error:
        return ModelInfo(name, folder, origin, size, problem=str(error))
    about = table.get("about") or {}
    missing = (
        "" if (folder / "model.safetensors").is_file() else "the weights (model.safetensors) are missing"
    )
    return ModelInfo(
        name,
        folder,
        origin,
        size,
        kind=str(table.get("kind", "")),
        licence=str(about.get("licence", "")),
        summary=str(about.get("summary", "")),
        status=str(about.get("status", "")),
        parameters=count if isinstance(count := about.get("parameters"), int) else 0,
        classes=tuple(str(c) for c in table.get("classes", ())),
        problem=missing,
    )


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
    for name, kind in (("about", dict), ("classes", list)):
        if not isinstance(table.get(name, kind()), kind):
            raise MaskaudioError(f"{path}: '{name}' is damaged; install the model again")
    return table


def described_sounds(info: ModelInfo) -> dict[str, str]:
    """Every label that a sound model covers with a caption that it knows, in order of the labels.

    Raises UsageError for a model whose config.json describes none: one that is no sound model, published, or
    made elsewhere.
    """
    found = None if info.origin == "hub" else read_config(info.folder).get("described")
    if not isinstance(found, dict) or not found:
        raise UsageError(f"{info.name} does not say which sounds it covers (its config has no 'described')")
    return {label: str(found[label]) for label in sorted(found)}


def home() -> Path:
    """The folder of the person's own models and voices: MASKAUDIO_HOME, else the platform's data folder."""
    if given := os.environ.get("MASKAUDIO_HOME"):
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("maskaudio", appauthor=False)


def _places() -> list[tuple[str, Path]]:
    return [("shipped", Path(str(files("maskaudio.models")))), ("local", home() / "models")]


def _is_model(place: Path, name: str) -> bool:
    """A name is one plain word: anything with a separator is a path."""
    return name == Path(name).name and (place / name / "config.json").is_file()
