"""Files that come whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from maskaudio.errors import MaskaudioError, UsageError


def write_file(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to `path`, whole or not at all; one line says why where that cannot be."""
    if not overwrite and path.is_file():
        raise UsageError(f"{path} exists already and is left as it is")
    with open_whole(path) as file:
        file.write(data)


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` at the end of the block, or leaves no trace.

    Devices and pipes are written straight. Raises MaskaudioError for whatever the system refuses.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                yield file
            return
        if path.is_dir():
            raise MaskaudioError(f"{path}: is a folder, not a file")
        path = Path(os.path.realpath(path))  # a link stays a link
        part = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
        try:
            with part.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except FileNotFoundError:
        raise MaskaudioError(f"{path}: the folder {path.parent} does not exist") from None
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot be written ({error.strerror})") from None


def usual_permissions(path: Path) -> None:
    """Let who may read a new file read this one: safetensors writes for its owner alone."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
