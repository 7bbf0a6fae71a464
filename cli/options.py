"""Flags that mean the same on every command, and the one voice that speaks on stderr."""

import logging
import os
import sys
from enum import Enum
from typing import Annotated

import typer

debugging = False  # --debug: errors come with their traceback


def say(message: str) -> None:
    """One line on stderr."""
    print(f"maskaudio: {message}", file=sys.stderr, flush=True)


class DeviceName(str, Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


def _debug(value: bool) -> bool:
    global debugging
    debugging = debugging or value
    return value


def _version(value: bool) -> None:
    if value:
        from maskaudio import __version__

        print(f"maskaudio {__version__}")
        raise typer.Exit


Device = Annotated[DeviceName, typer.Option("--device", help="Where to compute.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads to use. [default: all]")]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Debug = Annotated[bool, typer.Option("--debug", callback=_debug, is_eager=True, help="Show tracebacks.")]
Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
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


class _Voice(logging.Handler):
    """Looks stderr up each time: a live display may have taken its place."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))
