"""What a terminal shows of long work: a decode filling up span by span, a row a stream; sentences; a bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskaudio.decoding.engine import Progress

WIDTH = 64
SHADES = "·░▒▓█"  # how much of the cells under one character is revealed


@contextmanager
def live_progress(wanted: bool = True) -> Iterator[Callable[[Progress], None] | None]:
    """An observer that draws on stderr; None where stderr is no terminal or nobody wants to look."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    width = max(8, min(WIDTH, console.width - 16))
    with Live(Text("loading the model"), console=console, transient=True, refresh_per_second=20) as live:
        yield lambda progress: live.update(Text(draw(progress, width)), refresh=True)


def draw(progress: Progress, width: int = WIDTH) -> str:
    """The state of a decode as text: a headline, then stream 1 to K, each `width` characters at most."""
    known = progress.known.float().mean(dim=0)  # several clips at once show as one
    rows = [f"step {progress.done} of {progress.total}"]
    for stream, cells in enumerate(known, 1):
        mark = ">" if stream == progress.stage + 1 else " "
        rows.append(f"{mark} stream {stream:>2}  {_bar(cells, width)}")
    return "\n".join(rows)


def _bar(cells: Any, width: int) -> str:
    count = len(cells)
    width = min(width, count)
    shares = [float(cells[i * count // width : (i + 1) * count // width].mean()) for i in range(width)]
    return "".join(SHADES[int(share * (len(SHADES) - 1))] for share in shares)


@contextmanager
def live_sentences(wanted: bool = True) -> Iterator[Callable[[int, float], None]]:
    """A function to call with the sentences said and the seconds they take; shown on a terminal only."""
    if not wanted or not sys.stderr.isatty():
        yield lambda sentences, seconds: None
        return
    from rich.console import Console

    with Console(stderr=True).status("speaking") as status:
        yield lambda sentences, seconds: status.update(f"{sentences} sentences, {seconds:.1f} s of speech")


@contextmanager
def live_bar(wanted: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A function to call with how much is done, and of how much; shown on a terminal only."""
    if not wanted or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        row = bars.add_task("", total=None)
        yield lambda done, total: bars.update(row, completed=done, total=total)
