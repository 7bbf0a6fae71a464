"""`maskaudio eval`: how good are these clips?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskaudio.cli import options
from maskaudio.cli.options import with_options

if TYPE_CHECKING:
    from maskaudio.evaluation.report import Evaluation, Watch

app = typer.Typer(help="Figures and a report about clips.", rich_markup_mode=None)

Manifest = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="csv, tsv or jsonl; its paths begin at its folder.")
]
Recogniser = Annotated[
    Path | None,
    options.option("--recogniser", help="A folder of faster-whisper's. [default: our own, of phones]"),
]
Language = Annotated[str, options.option("--language", help="en-us or en-gb.")]


@dataclass(frozen=True)
class Reporting:
    """The options of every evaluation: what its figures are beside, where they go, on what they are made."""

    out: Annotated[
        Path | None, options.option("-o", "--out", help="A folder for report.json and report.html.")
    ] = None
    against: Annotated[
        Path | None, options.option("--against", help="Another report, to tell differences from chance.")
    ] = None
    overwrite: options.Overwrite = False
    device: options.Device = options.DeviceName.auto
    threads: options.Threads = None
    as_json: options.Json = False
    quiet: options.Quiet = False
    debug: options.Debug = False

    def run(self, evaluate: "Callable[[Watch], Evaluation]") -> None:
        """Evaluate, compare, show and keep."""
        options.set_up(quiet=self.quiet, threads=self.threads)
        from maskaudio.cli.output import check_folder
        from maskaudio.cli.progress import live_bar
        from maskaudio.evaluation.page import PAGE, as_json, check_out, save
        from maskaudio.evaluation.report import compare, read_report

        if self.out:
            check_out(self.out, overwrite=self.overwrite)
            check_folder(self.out if self.out.is_dir() else self.out.parent)
        other = read_report(self.against) if self.against else None
        with live_bar(not self.quiet) as watch:
            evaluation = evaluate(watch)
            if other:
                report = compare(evaluation.report, other, str(self.against))
                evaluation = replace(evaluation, report=report)
            if self.out:
                save(evaluation, self.out, overwrite=self.overwrite)
        if self.as_json:
            print(as_json(evaluation.report))
        else:
            rows = evaluation.report.table()
            widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
            for row in rows:
                print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if self.out and not self.quiet:
            options.say(f"wrote {self.out / PAGE}")


@app.command()
@with_options
def speech(
    reporting: Reporting,
    manifest: Manifest,
    recogniser: Recogniser = None,
    language: Language = "en-us",
) -> None:
    """Word and character error, speaker similarity, DNSMOS.

    Columns: file; if there are, text (without it no errors), voice (a clip of who should speak), speaker
    (whose it is), reference (a real recording of the same: the ceiling). Where there is no voice, prompt is
    taken for it.
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.speech import evaluate_speech

        told = {"recogniser": recogniser, "language": language, "device": reporting.device.value}
        return evaluate_speech(manifest, watch=watch, **told)

    reporting.run(evaluate)


@app.command()
@with_options
def sound(
    reporting: Reporting,
    manifest: Manifest,
    judge: Annotated[
        Path | None, options.option("--judge", help="A judge of labels, from benchmarks.judge.")
    ] = None,
    model: Annotated[
        str, options.option("-m", "--model", help="The sound model whose ranker scores.")
    ] = "sound",
) -> None:
    """Labels that a judge hears, text–audio score, Fréchet and log-mel distance.

    Columns: file, prompt; if there are, labels (parted by ;) and reference (a real recording).
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.sound import evaluate_sound

        return evaluate_sound(manifest, judge=judge, model=model, device=reporting.device.value, watch=watch)

    reporting.run(evaluate)


@app.command()
@with_options
def codec(
    reporting: Reporting,
    manifest: Manifest,
    model: Annotated[
        str | None,
        options.option("-m", "--model", "--codec", help="Pass each file through it. [default: see below]"),
    ] = None,
    recogniser: Recogniser = None,
    language: Language = "en-us",
) -> None:
    """Mel and STFT distance, PESQ, STOI, SI-SDR, use of codes, speed.

    Columns: file; if there are, reference and text. Without --model a file is what some codec made of its
    reference, or goes through our codec where there is none. Texts add the errors that a recogniser makes
    more.
    """

    def evaluate(watch: "Watch") -> "Evaluation":
        from maskaudio.evaluation.codec import evaluate_codec

        told = {"recogniser": recogniser, "language": language, "device": reporting.device.value}
        return evaluate_codec(manifest, model=model, watch=watch, **told)

    reporting.run(evaluate)
