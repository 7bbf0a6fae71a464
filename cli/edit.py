"""`maskaudio edit`: make a part of a recording anew."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.cli.making import Delivering, Making
from maskaudio.cli.options import with_options
from maskaudio.errors import UsageError

app = typer.Typer(help="Make a part of a recording anew.", rich_markup_mode=None)

TRACED = 10.0  # seconds that are added in one go, and can be drawn

In = Annotated[Path, typer.Argument(metavar="IN", help="The recording; - reads it from stdin.")]
Prompt = Annotated[
    str | None, options.option("--prompt", help="What it should sound like. [default: as what is around]")
]


@app.command()
@with_options
def inpaint(
    making: Making,
    source: In,
    start: Annotated[float, options.option("--from", help="Where the part begins, in seconds.")],
    end: Annotated[float, options.option("--to", help="Where it ends.")],
    prompt: Prompt = None,
) -> None:
    """Make what lies between two points anew; everything else stays as it is, sample for sample."""
    _edit("inpaint", making, source, start=start, end=end, prompt=prompt)


@app.command()
@with_options
def extend(
    making: Making,
    source: In,
    duration: Annotated[float, options.option("-d", "--duration", help="Seconds to add.")],
    at: Annotated[str, options.option("--at", help="end or start.")] = "end",
    prompt: Prompt = None,
) -> None:
    """Let a recording go on, or begin earlier."""
    if making.trace and duration > TRACED:
        raise UsageError(f"--trace shows one grid: add at most {TRACED:g} s")
    _edit("extend", making, source, seconds=duration, at=at, prompt=prompt)


@app.command()
@with_options
def variation(
    making: Making,
    source: In,
    strength: Annotated[float, options.option("--strength", help="From 0, the same, to 1, all new.")] = 0.5,
    prompt: Prompt = None,
) -> None:
    """A recording as it might have been: a share of its spans is made anew."""
    _edit("variation", making, source, strength=strength, prompt=prompt)


@dataclass(frozen=True)
class OfBands(Making):
    """The options of a sound that is made on a codec of bands."""

    model: Annotated[
        str, options.option("-m", "--model", help="A sound model on a codec of frequency bands.")
    ] = "sound-bands"


@app.command()
@with_options
def bandwidth(
    making: OfBands,
    source: In,
    cutoff: Annotated[
        float | None, options.option("--cutoff", help="Hz it reaches up to. [default: found]")
    ] = None,
    prompt: Prompt = None,
) -> None:
    """Give a muffled recording its treble back; everything below stays as it is."""
    _edit("bandwidth", making, source, cutoff=cutoff, prompt=prompt)


@app.command()
@with_options
def speech(
    delivering: Delivering,
    source: In,
    replace: Annotated[str, options.option("--replace", help="Words that are said in it.")],
    by: Annotated[str, options.option("--with", help="What is said in their place.")],
    language: Annotated[str, options.option("--language", help="en-us or en-gb.")] = "en-us",
    model: Annotated[
        str, options.option("-m", "--model", help="A speech model's name or folder.")
    ] = "speech",
) -> None:
    """Let somebody say other words, in the same voice.

    A voice is a person's: change a recording only with the consent of whoever speaks in it, and not to make
    others believe what was never said.
    """
    _edit("reword", delivering, source, old=replace, new=by, language=language, model=model)


def _edit(job: str, making: Delivering, source: Path, **asked: Any) -> None:
    """Carry out one function of maskaudio.edit: read, change, write."""
    making.check()
    seed = options.draw_seed() if making.seed is None else making.seed
    from maskaudio.audio import read_audio
    from maskaudio.cli.output import plan_targets

    piped = str(source) == "-"
    clip = read_audio(sys.stdin.buffer.read() if piped else source)
    (target,) = plan_targets(making.out, making.format, f"{'' if piped else source.stem} {job}", [seed])
    making.set_up()

    from maskaudio import edit

    told = making.settings() | asked
    started = time.perf_counter()
    with making.watched() as observer:
        changed = getattr(edit, job)(clip, seed=seed, observer=observer, **told)
    asked = {"added" if k == "seconds" else k: v for k, v in asked.items()}  # seconds are what it took
    making.deliver(changed, target, seed, started, source=str(source), **asked | {"model": told["model"]})
