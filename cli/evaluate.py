"""`maskaudio eval`: how good are these clips?"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskaudio.cli import options

if TYPE_CHECKING:
    from maskaudio.evaluation.report import Evaluation, Watch

app = typer.Typer(help="Figures and a report about clips.", rich_markup_mode=None)

Manifest = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="csv, tsv or jsonl; its paths begin at its folder.")
]
Out = Annotated[Path | None, options.option("-o", "--out", help="A folder for report.json and report.html.")]
Against = Annotated[
    Path | None, options.option("--against", help="Another report, to tell differences from chance.")
]
Recogniser = Annotated[
    Path | None,
    options.option("--recogniser", help="A folder of faster-whisper's. [default: our own, of phones]"),
]
Language = Annotated[str, options.option("--language", help="en-us or en-gb.")]


@app.command()
def speech(
    manifest: Manifest,
    out: Out = None,
    recogniser: Recogniser = None,
    against: Against = None,
    language: Language = "en-us",
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Word and character error, speaker similarity, DNSMOS.

    Columns: file, text; if there are, voice (a clip of who should speak), speaker (whose it is), reference
    (a real recording of the same: the ceiling). Where there is no voice, prompt is taken for it.
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.speech import evaluate_speech

        told = {"recogniser": recogniser, "language": language, "device": device.value}
        return evaluate_speech(manifest, watch=watch, **told)

    _run(evaluate, out, against, overwrite, threads, as_json, quiet)


@app.command()
def sound(
    manifest: Manifest,
    out: Out = None,
    judge: Annotated[
        Path | None, options.option("--judge", help="A judge of labels, from benchmarks.judge.")
    ] = None,
    model: Annotated[
        str, options.option("-m", "--model", help="The sound model whose ranker scores.")
    ] = "sound",
    against: Against = None,
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Labels that a judge hears, text–audio score, Fréchet and log-mel distance.

    Columns: file, prompt; if there are, labels (parted by ;) and reference (a real recording).
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.sound import evaluate_sound

        return evaluate_sound(manifest, judge=judge, model=model, device=device.value, watch=watch)

    _run(evaluate, out, against, overwrite, threads, as_json, quiet)


@app.command()
def codec(
    manifest: Manifest,
    out: Out = None,
    model: Annotated[
        str | None,
        options.option("-m", "--model", "--codec", help="Pass each file through it. [default: see below]"),
    ] = None,
    recogniser: Recogniser = None,
    against: Against = None,
    language: Language = "en-us",
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Mel and STFT distance, PESQ, STOI, SI-SDR, use of codes, speed.

    Columns: file; if there are, reference and text. Without --model a file is what some codec made of its
    reference, or goes through our codec where there is none. Texts add the errors that a recogniser makes
    more.
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.codec import evaluate_codec

        told = {"recogniser": recogniser, "language": language, "device": device.value}
        return evaluate_codec(manifest, model=model, watch=watch, **told)

    _run(evaluate, out, against, overwrite, threads, as_json, quiet)


def _run(
    evaluate: "Callable[[Watch], Evaluation]",
    out: Path | None,
    against: Path | None,
    overwrite: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate, compare, show and keep."""
    options.set_up(quiet=quiet, threads=threads)
    from dataclasses import replace

    from maskaudio.cli.output import check_folder
    from maskaudio.evaluation.page import PAGE, check_out, save
    from maskaudio.evaluation.page import as_json as written
    from maskaudio.evaluation.report import compare, read_report

    if out:
        check_out(out, overwrite=overwrite)
        check_folder(out if out.is_dir() else out.parent)
    other = read_report(against) if against else None
    with _shown(quiet) as watch:
        evaluation = evaluate(watch)
        if other:
            report = compare(evaluation.report, other, str(against))
            evaluation = replace(evaluation, report=report)
        if out:
            save(evaluation, out, overwrite=overwrite)
    if as_json:
        print(written(evaluation.report))
    else:
        rows = evaluation.report.table()
        widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if out and not quiet:
        options.say(f"wrote {out / PAGE}")


@contextmanager
def _shown(quiet: bool) -> "Iterator[Watch]":
    """A bar on a terminal, nothing else."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("", total=None)
        yield lambda done, total: bar.update(row, completed=done, total=total)
