"""`maskaudio models`: what is in the box, on this machine and to be had; only pulling needs a network."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.checkpoints.registry import ModelInfo

app = typer.Typer(help="List, describe, fetch and convert models.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or folder.")]
Wanted = Annotated[
    str, typer.Argument(metavar="NAME", help="A published model, such as facebook/magnet-small-10secs.")
]


@app.command("list")
def list_(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """One line per model: name, kind, size, licence, where it is (hub: to be pulled), what it is."""
    from maskaudio.checkpoints.registry import list_models, list_published

    infos = list_models() + list_published()
    if as_json:
        print(json.dumps([_table(info) for info in infos], indent=2, ensure_ascii=False))
        return
    rows = [(i.name, i.kind, _size(i.bytes), i.licence, i.origin, i.problem or i.summary) for i in infos]
    widths = [max((len(row[c]) for row in rows), default=0) for c in range(5)]
    for *short, last in rows:
        print("  ".join([*(cell.ljust(w) for cell, w in zip(short, widths, strict=True)), last]).rstrip())


@app.command()
def show(
    name: Name,
    classes: Annotated[
        bool, options.option("--classes", help="Only the sounds it covers, with a caption that it knows.")
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """All about one model: licence, size, status, where it lies, the sounds it covers."""
    info = _find(name)
    if classes:
        _show_classes(info, as_json)
        return
    if as_json:
        print(json.dumps(_table(info), indent=2, ensure_ascii=False))
        return
    lines = {
        "name": info.name,
        "kind": info.kind,
        "what": info.summary,
        "status": info.status,
        "licence": info.licence,
        "parameters": f"{info.parameters:,}" if info.parameters else "",
        "size": _size(info.bytes),
        "folder": f"{info.folder} ({info.origin})" if info.origin != "hub" else "",
        "to fetch": f"maskaudio models pull {info.name}" if info.origin == "hub" else "",
        "problem": info.problem,
    }
    for key, value in lines.items():
        if value:
            print(f"{key:<11} {value}")
    if info.classes:
        print(f"{'covers':<11} {len(info.classes)} kinds of sound")
        for line in _wrap(info.classes):
            print(f"  {line}")


@app.command("pull")
def pull_(
    name: Wanted,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Fetch a published model and convert it. Its licence is shown first; Ctrl-C stops, a second run goes on.

    The download lies in the hub's own cache; what is converted, under MASKAUDIO_HOME.
    """
    options.set_up(quiet=quiet, offline=offline)
    from maskaudio.published.pull import pull

    _made(name, pull(name), as_json, quiet)


@app.command("convert")
def convert_(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder as published: of MAGNeT, EnCodec, or MaskGCT.")
    ],
    out: Annotated[Path, options.option("-o", "--out", help="The model folder to make.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make a model folder of published weights. Pickles are read once, without running what they hold."""
    options.set_up(quiet=quiet)
    from maskaudio.published.convert import convert

    convert(source, out)
    _made(str(out), out, as_json, quiet)


@app.command()
def remove(
    name: Name,
    downloads: Annotated[
        bool, options.option("--downloads", help="Also remove what the hub's cache holds of it.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Remove a model of your own from this machine; those in the box stay."""
    import shutil

    from maskaudio.checkpoints import hub
    from maskaudio.checkpoints.registry import home

    info = _find(name)
    if info.origin == "shipped":
        raise UsageError(f"{name} comes with maskaudio and is not removed")
    if info.folder.parent != home() / "models":
        raise UsageError(f"{name} is a folder of yours, not a model by name: remove it yourself")
    freed = hub.forget(info.name) if downloads else 0
    if info.origin == "local":
        shutil.rmtree(info.folder)
        freed += info.bytes
    elif not freed:
        raise UsageError(f"{name} is not on this machine")
    if as_json:
        print(json.dumps({"removed": info.name, "bytes": freed}))
    elif not quiet:
        options.say(f"removed {info.name}, {_size(freed)} are free again")


def _show_classes(info: "ModelInfo", as_json: bool) -> None:
    from maskaudio.checkpoints.registry import described_sounds

    sounds = described_sounds(info)
    if as_json:
        rows = [{"label": label, "caption": caption} for label, caption in sounds.items()]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(map(len, sounds))
    for label, caption in sounds.items():
        print(f"{label.ljust(width)}  {caption}")


def _made(name: str, folder: Path, as_json: bool, quiet: bool) -> None:
    from maskaudio.checkpoints.registry import model_info

    info = model_info(folder.name, folder)
    if as_json:
        print(json.dumps({"model": name, "folder": str(folder), "kind": info.kind, "licence": info.licence}))
    elif not quiet:
        options.say(f"{name}: {info.kind}, {_size(info.bytes)}, {info.licence}, in {folder}")


def _find(name: str) -> "ModelInfo":
    from maskaudio.checkpoints.catalogue import REFUSED, published
    from maskaudio.checkpoints.registry import list_models, list_published, model_info

    infos = list_models() + list_published()
    for info in infos:
        if info.name == name:
            return info
    if name and (Path(name) / "config.json").is_file():
        return model_info(Path(name).resolve().name, Path(name))
    if name in REFUSED:
        published(name)  # says why
    known = ", ".join(info.name for info in infos)
    raise UsageError(f"unknown model '{name}' (there is: {known}; or give the path of a model folder)")


def _table(info: "ModelInfo") -> dict[str, Any]:
    return dataclasses.asdict(info) | {"folder": str(info.folder)}


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _wrap(words: tuple[str, ...], width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(", ".join(sorted(words)), width)
