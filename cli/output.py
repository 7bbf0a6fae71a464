"""Where a result goes: names, folders, stdout."""

import hashlib
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskaudio.encoding import FORMATS, audio_stream, format_of
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import open_whole, write_file

if TYPE_CHECKING:
    import numpy as np

STDOUT = Path("-")


@dataclass(frozen=True)
class Target:
    """One file to be written, or stdout."""

    path: Path
    format: str

    @property
    def is_stdout(self) -> bool:
        return self.path == STDOUT

    def write(self, data: bytes, *, overwrite: bool) -> Path:
        """Write `data`; returns the path taken. An existing file is kept: the name gets a number."""
        if self.is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return self.path
        path = self.path if overwrite else free_path(self.path)
        write_file(path, data, overwrite=overwrite)
        return path

    @contextmanager
    def stream(
        self, rate: int, *, tags: Mapping[str, str], overwrite: bool
    ) -> "Iterator[tuple[Path, Callable[[np.ndarray], None]]]":
        """The path taken, and a function that appends samples [channels, N] to the file while they are made.

        A file appears whole at the end of the block or not at all; on stdout wav and raw come at once.
        """
        if self.is_stdout:
            with audio_stream(sys.stdout.buffer, rate, self.format, 1, tags) as write:
                yield self.path, write
            sys.stdout.buffer.flush()
            return
        path = self.path if overwrite else free_path(self.path)
        with open_whole(path) as out, audio_stream(out, rate, self.format, 1, tags) as write:
            yield path, write


def plan_targets(out: str | None, format: str | None, text: str, seeds: list[int]) -> list[Target]:
    """The files for `seeds`, checked before the work begins: format known, folder there and writable.

    `out` is a file, a folder, '-' for stdout, or None for `<slug of the text>_<seed>.wav` here.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(f"unknown format '{format}' (known: {', '.join(FORMATS)})")
    if out == "-":
        if len(seeds) > 1:
            raise UsageError("stdout holds one clip: leave out --count, or give -o a folder")
        if sys.stdout.isatty():
            raise UsageError("stdout is a terminal: pipe the audio somewhere, or give -o a file")
        return [Target(STDOUT, format or "wav")]
    if out is None or out.endswith("/") or Path(out).is_dir():
        folder = Path(out or ".")
        named = [folder / f"{slug(text)}_{seed}.{format or 'wav'}" for seed in seeds]
    else:
        path = Path(out)
        format = format or format_of(path)
        folder = path.parent
        named = [path] if len(seeds) == 1 else [path.with_stem(f"{path.stem}_{seed}") for seed in seeds]
    if not named[0].exists() or named[0].is_file():  # a device or pipe needs no folder of ours
        check_folder(folder)
    return [Target(path, format or "wav") for path in named]


def check_folder(folder: Path) -> None:
    """Raise one line where nothing can be written in `folder`."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; make it first")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise MaskaudioError(f"{folder}: cannot write there ({error.strerror})") from None


def free_path(path: Path) -> Path:
    """`path`, or where that file exists the same name with the first free number."""
    if not path.is_file():
        return path
    number = 2
    while (numbered := path.with_stem(f"{path.stem}_{number}")).exists():
        number += 1
    return numbered


def slug(text: str) -> str:
    """A short, safe file name that still says what it is; a hash where no letter survives."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        if name and len(name) + 1 + len(word) > 40:
            break
        name = f"{name}_{word}" if name else word[:40]
    return name or hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
