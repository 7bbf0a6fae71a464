"""`maskaudio voices`: whose voice `speak` can have."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from maskaudio.cli import options
from maskaudio.errors import MaskaudioError, UsageError

app = typer.Typer(help="List, add and remove voices for 'speak'.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A voice's name.")]
Model = Annotated[str, options.option("-m", "--model", help="A speech model's name or folder.")]


@app.command("list")
def list_(model: Model = "speech", as_json: options.Json = False, debug: options.Debug = False) -> None:
    """One line per voice: name, where it is from, language, licence, what it is like."""
    rows = [_row(name, path) for name, path in _voices(model).items()]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    columns = ("name", "origin", "language", "licence", "description")
    widths = {c: max((len(row[c]) for row in rows), default=0) for c in columns}
    for row in rows:
        print("  ".join(row[c].ljust(widths[c]) for c in columns).rstrip())


@app.command()
def show(
    name: Name, model: Model = "speech", as_json: options.Json = False, debug: options.Debug = False
) -> None:
    """All that is known of one voice."""
    row = _row(name, _find(name, model))
    if as_json:
        print(json.dumps(row, indent=2, ensure_ascii=False))
        return
    for key, value in row.items():
        if value:
            print(f"{key:<12} {value}")


@app.command()
def add(
    name: Name,
    clip: Annotated[
        Path, typer.Argument(help="2 to 30 s of one person speaking, in any format; or an exported voice.")
    ],
    description: Annotated[str, options.option("--description", help="What it is like.")] = "",
    licence: Annotated[str, options.option("--licence", help="Under which terms it may be used.")] = "",
    language: Annotated[
        str | None,
        options.option("--language", help="en-us or en-gb. [default: en-us, or an exported voice's]"),
    ] = None,
    model: Model = "speech",
    overwrite: options.Overwrite = False,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Keep the voice of a clip, or of a file that 'voices export' wrote, under a name.

    A voice is a person's. Add one only with the consent of whoever speaks in the clip, and never to make
    others believe that they said what they did not. Files that maskaudio writes say that they are generated.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise UsageError(f"voice name '{name}': use letters, digits, - and _")
    from maskaudio.checkpoints.voices import own_voices

    path = own_voices() / f"{name}.safetensors"
    if path.exists() and not overwrite:
        raise UsageError(f"voice '{name}' exists already; --overwrite replaces it")
    if _origin(_voices(model).get(name, path)) != "own":
        raise UsageError(f"voice '{name}' comes with the model; choose another name")
    options.set_up(quiet=quiet, threads=threads)
    from maskaudio.text.phones import LANGUAGES, check_language

    given = {"language": language, "description": description, "licence": licence}
    if language:
        check_language(language)
    from maskaudio.pipelines.speech_model import load

    voice = load(model).voice(clip)
    known = {"language": LANGUAGES[0], "source": clip.name} | voice.about
    voice = replace(voice, about=known | {key: value for key, value in given.items() if value})
    path.parent.mkdir(parents=True, exist_ok=True)
    voice.save(path)
    if not quiet:
        options.say(f"voice '{name}' is kept in {path}")
    if as_json:
        print(json.dumps(_row(name, path), ensure_ascii=False))


@app.command()
def remove(
    name: Name, model: Model = "speech", as_json: options.Json = False, debug: options.Debug = False
) -> None:
    """Forget a voice of your own."""
    path = _find(name, model)
    if _origin(path) != "own":
        raise UsageError(f"voice '{name}' comes with the model and stays")
    row = _row(name, path)
    path.unlink()
    if as_json:
        print(json.dumps(row, ensure_ascii=False))


@app.command()
def export(
    name: Name,
    out: Annotated[Path, options.option("-o", "--out", help="Voice file to write.")],
    model: Model = "speech",
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write a voice as a file that others can give to --voice."""
    from maskaudio.files import write_file

    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: a voice file ends in .safetensors")
    path = _find(name, model)
    write_file(out, path.read_bytes(), overwrite=overwrite)
    if as_json:
        print(json.dumps(_row(name, path) | {"file": str(out)}, ensure_ascii=False))


def _voices(model: str) -> dict[str, Path]:
    from maskaudio.checkpoints.registry import find_model
    from maskaudio.checkpoints.voices import voice_files

    return voice_files(find_model(model, "speech"))


def _find(name: str, model: str) -> Path:
    voices = _voices(model)
    if name not in voices:
        raise UsageError(f"unknown voice '{name}' (there is: {', '.join(voices) or 'none'})")
    return voices[name]


def _origin(path: Path) -> str:
    from maskaudio.checkpoints.voices import own_voices

    return "own" if path.parent == own_voices() else "shipped"


def _row(name: str, path: Path) -> dict[str, str]:
    from maskaudio.checkpoints.voices import read_voice_notes

    try:
        about = read_voice_notes(path)
    except MaskaudioError as error:
        about = {"description": str(error)}
    wanted = ("language", "licence", "description", "source")
    return (
        {"name": name, "origin": _origin(path)} | {k: about.get(k, "") for k in wanted} | {"file": str(path)}
    )
