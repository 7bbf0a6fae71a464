"""Work that takes minutes says on a terminal how much of it is done."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def counted(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Each of the items, and a bar on stderr: on a terminal, unless maskaudio is told to be quiet."""
    if not sys.stderr.isatty() or not logging.getLogger("maskaudio").isEnabledFor(logging.WARNING):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total, console=Console(stderr=True), transient=True)
