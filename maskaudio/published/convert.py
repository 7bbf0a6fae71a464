"""Published folders → model folders of ours, whatever family they are of."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from maskaudio.errors import MaskaudioError, UsageError


def convert(source: Path, out: Path) -> None:
    """Make a model folder of ours at `out` of published files in `source`, whole or not at all.

    Raises UsageError where `out` exists or `source` holds neither MAGNeT's files nor MaskGCT's,
    MaskaudioError where they are damaged.
    """
    if out.exists():
        raise UsageError(f"{out} exists already and is left as it is")
    converter = _converter(source)
    with _in_one_piece(out) as part:
        converter(source, part)


def _converter(source: Path) -> Callable[[Path, Path], None]:
    if not source.is_dir():
        raise UsageError(f"{source}: no such folder")
    if (source / "t2s_model").is_dir():
        from maskaudio.published import amphion

        return amphion.convert
    if any((source / name).is_file() for name in ("state_dict.bin", "compression_state_dict.bin")):
        from maskaudio.published import audiocraft

        return audiocraft.convert
    raise UsageError(
        f"{source}: neither MAGNeT's files (state_dict.bin, compression_state_dict.bin) "
        "nor MaskGCT's (t2s_model, s2a_model, …)"
    )


@contextmanager
def _in_one_piece(out: Path) -> Iterator[Path]:
    """A folder that takes the place of `out` at the end of the block, or leaves no trace."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        yield part
        part.rename(out)
    except OSError as error:
        raise MaskaudioError(f"{out}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
