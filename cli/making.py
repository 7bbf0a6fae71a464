"""What every command that makes sound has in common: its options, and what becomes of a clip."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from maskaudio.cli import options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.audio import Audio
    from maskaudio.cli.output import Target
    from maskaudio.cli.playing import Player
    from maskaudio.decoding.engine import Progress


@dataclass(frozen=True)
class Delivering:
    """The options of whatever makes a clip: where it goes, by which seed, on what."""

    out: options.Out = None
    format: options.Format = None
    seed: options.Seed = None
    no_tags: options.NoTags = False
    overwrite: options.Overwrite = False
    device: options.Device = options.DeviceName.auto
    threads: options.Threads = None
    offline: options.Offline = False
    as_json: options.Json = False
    quiet: options.Quiet = False
    verbose: options.Verbose = False
    debug: options.Debug = False

    def check(self) -> None:
        """Raise UsageError for options that do not go together, before anything is loaded."""
        if self.as_json and self.out == "-":
            raise UsageError("--json and -o - both want stdout: give -o a file")

    def set_up(self) -> None:
        """Carry out the flags that are for the whole process."""
        options.set_up(quiet=self.quiet, verbose=self.verbose, threads=self.threads, offline=self.offline)

    @contextmanager
    def watched(self) -> "Iterator[Callable[[Progress], None] | None]":
        """An observer for one decode: the live view on a terminal."""
        from maskaudio.cli.progress import live_progress

        with live_progress(not self.quiet) as observer:
            yield observer

    def settings(self) -> dict[str, Any]:
        """What the library is told."""
        return {"device": self.device.value}

    def deliver(self, clip: "Audio", target: "Target", seed: int, started: float, **more: Any) -> None:
        """Write a clip that took since `started` (perf_counter), and say so; `more` stands in the JSON."""
        from maskaudio.audio import encode_audio

        took = time.perf_counter() - started
        data = encode_audio(clip, target.format, tags=not self.no_tags)
        path = target.write(data, overwrite=self.overwrite)
        self.report(Delivered(path, clip.duration, clip.sample_rate, clip.tags, took), target, seed, **more)

    def stream(
        self, pieces: "Iterator[Audio]", target: "Target", started: float, player: "Player | None"
    ) -> "Delivered":
        """Write a clip that comes in pieces, each as soon as it is there."""
        first = next(pieces)  # whatever is wrong is said before a file is begun
        seconds, tags = 0.0, {} if self.no_tags else first.tags
        with target.stream(first.sample_rate, tags=tags, overwrite=self.overwrite) as (path, write):
            for piece in itertools.chain([first], pieces):
                write(piece.samples)
                seconds += piece.duration
                if player:
                    player.add(piece.samples[0], piece.sample_rate)
        return Delivered(path, seconds, first.sample_rate, first.tags, time.perf_counter() - started)

    def report(
        self, done: "Delivered", target: "Target", seed: int, kind: str = "sound", **more: Any
    ) -> None:
        """Say on stderr what was written, and in JSON on stdout where that is asked for."""
        if not self.quiet:
            voice = f", voice {more['voice']}" if "voice" in more else ""
            options.say(
                f"wrote {'to stdout' if target.is_stdout else done.path}: {done.seconds:.2f} s of {kind}"
                f" in {done.took:.2f} s ({done.seconds / done.took:.1f} times real time){voice}, seed {seed}"
            )
        if self.as_json:
            made = {"file": str(done.path), "format": target.format, **more, "seed": seed}
            made |= {"duration": done.seconds, "sample_rate": done.rate, "seconds": round(done.took, 3)}
            print(json.dumps(made | {"tags": done.tags}, ensure_ascii=False), flush=True)


@dataclass(frozen=True)
class Delivered:
    """A file that was written: how long it is, and how long it took."""

    path: Path
    seconds: float
    rate: int
    tags: dict[str, str]
    took: float


@dataclass(frozen=True)
class Making(Delivering):
    """The options of `generate` and of edits of sounds: how a sound is made, too."""

    model: Annotated[str, options.option("-m", "--model", help="A model's name or folder.")] = "sound"
    steps: Annotated[str | None, options.option("--steps", help="Steps in all, or per stage: 8,2,1,1.")] = (
        None
    )
    guidance: Annotated[
        str | None,
        options.option("--guidance", help="How closely to follow the words, or per stage: 3,1,1,1; 1 = not."),
    ] = None
    temperature: options.Temperature = None
    top_p: options.TopP = None
    top_k: Annotated[int | None, options.option("--top-k", help="Draw from so many likeliest tokens.")] = None
    negative: Annotated[str | None, options.option("--negative", help="What it should not sound like.")] = (
        None
    )

    candidates: Annotated[
        int | None, options.option("--candidates", help="Of so many, the one that fits the words best.")
    ] = None
    rescore: Annotated[
        str | None, options.option("--rescore", help="A second model with a say in which spans are kept.")
    ] = None
    rescore_weight: Annotated[
        float, options.option("--rescore-weight", help="The share of the first model's own opinion.")
    ] = 0.7
    sampler: Annotated[
        str | None,
        options.option(
            "--sampler", help="confidence, low-discrepancy, first-hitting, entropy, magnet or maskgct."
        ),
    ] = None
    scoring: Annotated[
        str | None, options.option("--scoring", help="How sure a span is: max, product or stride-1.")
    ] = None
    schedule: Annotated[
        str | None, options.option("--schedule", help="How reveals grow: cosine, arccos or linear.")
    ] = None
    course: Annotated[
        str | None, options.option("--course", help="Guidance over the steps: down, up or constant.")
    ] = None
    interval: Annotated[
        str | None,
        options.option("--interval", help="Guide only while so much is hidden, from 0 to 1: 0.5,1."),
    ] = None
    space: Annotated[
        str | None, options.option("--space", help="What guidance works on: logits or hidden features.")
    ] = None
    rescale: Annotated[
        float | None, options.option("--rescale", help="Take back the spread guidance adds, 0 to 1.")
    ] = None
    remask: Annotated[
        bool | None, options.option("--remask/--no-remask", help="Hide doubtful spans once more.")
    ] = None
    critic: Annotated[
        bool | None, options.option("--critic/--no-critic", help="Let the model's critic say what to redo.")
    ] = None
    span: Annotated[int | None, options.option("--span", help="Frames that are revealed together.")] = None
    dtype: options.Dtype = None
    trace: Annotated[
        Path | None, options.option("--trace", help="Draw the grid being revealed: a .png or a .gif.")
    ] = None

    def check(self) -> None:
        """Raise UsageError for options that do not go together, before anything is loaded."""
        super().check()
        if self.trace and self.trace.suffix.lower() not in (".png", ".gif"):
            raise UsageError(f"--trace {self.trace}: a picture's name ends in .png or .gif")
        if self.trace and (self.candidates or 1) > 1:
            raise UsageError("--trace shows one clip: leave out --candidates")
        if self.trace and self.trace.exists() and not self.overwrite:
            raise UsageError(f"{self.trace} exists already; --overwrite replaces it")

    @contextmanager
    def watched(self) -> "Iterator[Callable[[Progress], None] | None]":
        """An observer for one decode: the live view on a terminal, and the trace that is asked for."""
        with super().watched() as live:
            if not self.trace:
                yield live
                return
            from maskaudio.pictures import Trace

            trace = Trace()

            def both(progress: "Progress") -> None:
                trace(progress)
                if live:
                    live(progress)

            yield both
        trace.save(self.trace)

    def settings(self) -> dict[str, Any]:
        """What the library is told."""
        from maskaudio.decoding.plan import Changes

        ways = ("model", "negative", "candidates", "rescore", "rescore_weight", "dtype")
        told = {k: getattr(self, k) for k in (*ways, *(f.name for f in fields(Changes)))}
        for name, kind in (("steps", int), ("guidance", float), ("interval", float)):
            told[name] = numbers(name, getattr(self, name), kind)
        return super().settings() | told


def numbers(name: str, value: str | None, kind: type) -> Any:
    """A number, or a list of several. Raises UsageError for anything else."""
    if value is None:
        return None
    try:
        told = [kind(part) for part in value.split(",")]
    except ValueError:
        raise UsageError(f"--{name} {value}: expected a number, or several such as 8,2,1,1") from None
    return told if "," in value else told[0]
