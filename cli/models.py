"""`maskaudio models`: what is in the box and on this machine; no network, no torch."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.checkpoints.registry import ModelInfo

app = typer.Typer(help="List and describe the models.", rich_markup_mode=None)


@app.command("list")
def list_(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """One line per model: name, kind, size, licence, what it is."""
    from maskaudio.checkpoints.registry import list_models

    infos = list_models()
    if as_json:
        print(json.dumps([_table(info) for info in infos], indent=2, ensure_ascii=False))
        return
    rows = [(i.name, i.kind, _size(i.bytes), i.licence, i.origin, i.problem or i.summary) for i in infos]
    widths = [max((len(row[c]) for row in rows), default=0) for c in range(5)]
    for *short, last in rows:
        print("  ".join([*(cell.ljust(w) for cell, w in zip(short, widths, strict=True)), last]).rstrip())
    if not rows:
        options.say("no models here; train one with 'maskaudio train'")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or folder.")],
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """All about one model: licence, size, status, the sounds it covers."""
    info = _find(name)
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
        "folder": f"{info.folder} ({info.origin})",
        "problem": info.problem,
    }
    for key, value in lines.items():
        if value:
            print(f"{key:<11} {value}")
    if info.classes:
        print(f"{'covers':<11} {len(info.classes)} kinds of sound")
        for line in _wrap(info.classes):
            print(f"  {line}")


def _find(name: str) -> "ModelInfo":
    from pathlib import Path

    from maskaudio.checkpoints.registry import list_models, model_info

    infos = list_models()
    for info in infos:
        if info.name == name:
            return info
    if name and (Path(name) / "config.json").is_file():
        return model_info(Path(name).resolve().name, Path(name))
    known = ", ".join(info.name for info in infos) or "none"
    raise UsageError(f"unknown model '{name}' (there is: {known}; or give the path of a model folder)")


def _table(info: "ModelInfo") -> dict[str, Any]:
    return dataclasses.asdict(info) | {"folder": str(info.folder)}


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _wrap(words: tuple[str, ...], width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(", ".join(sorted(words)), width)
