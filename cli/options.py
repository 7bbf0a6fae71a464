"""Flags that mean the same on every command, and the one voice that speaks on stderr."""

import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from maskaudio.errors import UsageError

option = functools.partial(typer.Option, show_envvar=False)  # every option has one: mere noise

ClickError = typer.BadParameter.__mro__[2]  # ClickException, of typer's own click or of the installed one

SEEDS = 1 << 32  # how many there are to choose from

debugging = False  # --debug: errors come with their traceback


def say(message: str) -> None:
    """One line on stderr."""
    print(f"maskaudio: {message}", file=sys.stderr, flush=True)


def draw_seed() -> int:
    """A seed for whoever gives none."""
    import secrets

    return secrets.randbelow(SEEDS)


def read_stdin() -> str:
    """All of stdin. Raises UsageError where it is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("stdin is not UTF-8 text") from None


def read_file(path: Path) -> bytes:
    """All of a file that an option names. Raises UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


class DeviceName(str, Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


def _debug(value: bool) -> bool:
    global debugging
    debugging = debugging or bool(value)
    return value


def _version(value: bool) -> None:
    if value:
        from maskaudio import __version__

        print(f"maskaudio {__version__}")
        raise typer.Exit


Out = Annotated[
    str | None, option("-o", "--out", help="File, folder, or - for stdout. [default: named here]")
]
Format = Annotated[
    str | None, option("-f", "--format", help="wav, flac, ogg, opus, mp3 or raw. [default: suffix]")
]
Seed = Annotated[int | None, option("--seed", min=0, max=SEEDS - 1, help="The same seed, the same file.")]
Temperature = Annotated[
    float | None, option("--temperature", help="Times the model's own: 2 is more varied, 0.5 is safer.")
]
TopP = Annotated[float | None, option("--top-p", help="Draw from the likeliest tokens of this total share.")]
NoTags = Annotated[bool, option("--no-tags", help="Do not say in the file how it was made.")]
Dtype = Annotated[
    str | None,
    option("--dtype", help="What to compute in: float32, float16, bfloat16. [default: by processor]"),
]
Device = Annotated[DeviceName, option("--device", help="Where to compute.")]
Threads = Annotated[int | None, option("--threads", min=1, help="CPU threads to use. [default: all]")]
Offline = Annotated[bool, option("--offline", help="Never use the network.")]
Json = Annotated[bool, option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, option("-q", "--quiet", help="Say nothing but errors.")]
Verbose = Annotated[bool, option("-v", "--verbose", help="Say more.")]
Overwrite = Annotated[bool, option("--overwrite", help="Replace existing files.")]
Debug = Annotated[bool, option("--debug", callback=_debug, is_eager=True, help="Show tracebacks.")]
Version = Annotated[
    bool,
    option(
        "--version",
        callback=_version,
        is_eager=True,
        allow_from_autoenv=False,
        help="Show the version and exit.",
    ),
]


def set_up(
    *, quiet: bool = False, verbose: bool = False, threads: int | None = None, offline: bool = False
) -> None:
    """Carry out the shared flags; call it before anything heavy is imported."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    logger = logging.getLogger("maskaudio")
    logger.handlers = [_Voice()]
    logger.propagate = False
    logger.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)
    if not (verbose or debugging):
        import warnings

        warnings.simplefilter("ignore")  # other packages' news for programmers
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is loaded, for its helpers too
        import torch

        torch.set_num_threads(threads)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a dataclass of options, as one that has them all itself."""
    hints = get_type_hints(command, include_extras=True)
    first, *own = inspect.signature(command).parameters.values()
    kind = hints[first.name]
    shared = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)]

    @functools.wraps(command)
    def expanded(**given: Any) -> None:
        command(kind(**{name: given.pop(name) for name in names}), **given)

    parameters = [p.replace(kind=p.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
    parameters += [
        inspect.Parameter(f.name, first.KEYWORD_ONLY, default=f.default, annotation=shared[f.name])
        for f in fields(kind)
    ]
    expanded.shared = kind
    expanded.__signature__ = inspect.Signature(parameters)  # what typer reads
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    return expanded


class _Voice(logging.Handler):
    """Says everything once. Looks stderr up each time: a live display may have taken its place."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        if message not in self.said:
            self.said.add(message)
            say(message)
