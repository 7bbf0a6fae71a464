"""`maskaudio batch`: many files from a manifest."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.cli.rows import Reader, with_defaults
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.batch.jobs import Job
    from maskaudio.batch.run import Engine, Result


class EngineName(str, Enum):
    """Who makes the files."""

    local = "local"
    ray = "ray"


class Kind(str, Enum):
    """How a manifest is written."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    text = "text"


@with_defaults
def batch(
    context: typer.Context,
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="csv, tsv, jsonl, or one prompt a line; - for stdin.")
    ],
    out: Annotated[Path, options.option("-o", "--out", help="The folder of the files; made if need be.")],
    kind: Annotated[Kind | None, options.option("--as", help="What it is. [default: by its suffix]")] = None,
    task: Annotated[
        str | None,
        options.option(
            "--task", help="What lines ask for. [default: speak under a column 'text', else generate]"
        ),
    ] = None,
    template: Annotated[
        str, options.option("--output", help="Names: {index}, {slug}, {seed}, {task} or a {column}.")
    ] = "{index:04}_{slug}",
    resume: Annotated[
        bool, options.option("--resume/--no-resume", help="Keep what this folder's journal has as done.")
    ] = True,
    overwrite: options.Overwrite = False,
    retry: Annotated[
        int, options.option("--retry", min=0, max=100, help="Try so often again what may go better.")
    ] = 0,
    fail_fast: Annotated[
        bool, options.option("--fail-fast", help="Stop at the first line that fails.")
    ] = False,
    dry_run: Annotated[bool, options.option("--dry-run", help="Check every line, make nothing.")] = False,
    workers: Annotated[
        int | None, options.option("--workers", min=1, max=1024, help="Processes that share the work.")
    ] = None,
    engine: Annotated[EngineName, options.option("--engine", help="Where it is made.")] = EngineName.local,
    address: Annotated[
        str | None, options.option("--address", help="Of a Ray cluster. [default: none]")
    ] = None,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
    defaults: dict[str, str] | None = None,  # what with_defaults adds
) -> None:
    """Make a file for every line of a manifest; what is done already is not made again.

    A column is an option of the line's command, such as prompt, text, voice, duration or seed; task is
    generate, speak, "edit inpaint" and so on, output is the file's name. Options given here are for lines
    that leave them empty.

    Exit codes: 0 all done, 1 failed, 2 usage, 3 some lines failed.
    """
    if address and engine is not EngineName.ray:
        raise UsageError("--address is of a Ray cluster: add --engine ray")
    piped = str(manifest) == "-"
    data = sys.stdin.buffer.read() if piped else options.read_file(manifest)
    from maskaudio.batch.manifest import kind_of, read_manifest

    rows = read_manifest(data, kind.value if kind else kind_of(None if piped else manifest, data))
    reader = Reader(out, Path() if piped else manifest.parent, defaults or {}, task, template)
    reader.configured = context.find_root().default_map or {}
    options.set_up(quiet=quiet, verbose=verbose, threads=threads, offline=offline)

    from maskaudio.batch.run import Result, failure, run_batch

    jobs: list[Job | Result] = []
    for index, row in enumerate(rows, 1):
        try:
            jobs.append(reader.job(index, row))
        except UsageError as error:
            jobs.append(failure(row.line, " ".join(str(error).split())))
    if reader.unknown and not quiet:
        options.say(f"not used: column{'s' * (len(reader.unknown) > 1)} {', '.join(sorted(reader.unknown))}")
    if dry_run:
        results = [j if isinstance(j, Result) else Result(j.line, {"line": j.line, **_plan(j)}) for j in jobs]
        with _shown(len(jobs), quiet, as_json) as watch:
            for result in results:
                watch(result)
    else:
        chosen = _engine(engine, workers, address, device.value, threads)
        with _shown(len(jobs), quiet, as_json) as show, _stoppable() as check:

            def watch(result: Result) -> None:
                show(result)
                check()

            results = run_batch(
                jobs,
                out,
                chosen,
                resume=resume,
                overwrite=overwrite,
                retries=retry,
                fail_fast=fail_fast,
                watch=watch,
            )
    bad = sum(result.error is not None for result in results)
    if not quiet:
        kept = sum(result.kept for result in results)
        counts = {"to make" if dry_run else "made": len(results) - bad - kept, "kept": kept, "failed": bad}
        counts["not begun"] = len(jobs) - len(results)
        said = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        options.say(said if dry_run else f"{said}; {out / 'results.jsonl'} tells of each")
    if bad:
        raise typer.Exit(3)


def _plan(job: "Job") -> dict[str, Any]:
    return {"status": "planned", "file": job.file, "task": job.task, "seed": job.seed}


def _engine(
    name: EngineName, workers: int | None, address: str | None, device: str, threads: int | None
) -> "Engine":
    if name is EngineName.ray:
        from maskaudio.batch.cluster import OnRay

        return OnRay(workers, address, device, threads)
    if (workers or 1) > 1:
        from maskaudio.batch.workers import Workers

        return Workers(workers, device, threads)
    from maskaudio.batch.run import Here

    return Here(device)


@contextmanager
def _stoppable() -> "Iterator[Callable[[], None]]":
    """Ctrl-C stops a batch even where a library swallowed the interrupt: call what comes now and then."""
    pressed = False

    def note(*_: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _shown(total: int, quiet: bool, as_json: bool) -> "Iterator[Callable[[Result], None]]":
    """Tells of results as they come: a bar on a terminal, a line each in a pipe, JSON on stdout."""
    bar = None
    if not quiet and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        ]
        bar = Progress(
            *columns, TextColumn("{task.fields[bad]}"), console=Console(stderr=True), transient=True
        )
        row = bar.add_task("", total=total, rate="", bad="")
    started, made, bad = time.perf_counter(), 0, 0
    stdout = sys.stdout  # an engine may turn it away from others

    def watch(result: "Result") -> None:
        nonlocal made, bad
        record = result.record | ({"kept": True} if result.kept else {})
        made += not (result.kept or result.error)
        bad += result.error is not None
        if bar:
            rate = f"{made / (time.perf_counter() - started):.2f}/s" if made else ""
            bar.update(row, advance=1, rate=rate, bad=f"{bad} failed" if bad else "")
            if result.error:
                bar.console.print(f"line {result.line}: {result.error}", markup=False, highlight=False)
        elif not quiet:
            what = f"failed: {result.error}" if result.error else record["file"] + " (kept)" * result.kept
            options.say(f"line {result.line}: {what}")
        if as_json:
            print(json.dumps(record, ensure_ascii=False), file=stdout, flush=True)

    with bar or nullcontext():
        yield watch
