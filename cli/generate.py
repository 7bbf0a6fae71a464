"""`maskaudio generate`: words to sound files."""

import time
from typing import Annotated

import typer

from maskaudio.cli import options
from maskaudio.cli.making import Making
from maskaudio.cli.options import with_options
from maskaudio.errors import UsageError


@with_options
def generate(
    making: Making,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What it should sound like; - reads it from stdin.")
    ],
    duration: Annotated[float, options.option("-d", "--duration", help="Seconds.")] = 4.0,
    count: Annotated[int, options.option("-n", "--count", min=1, max=1000, help="How many clips.")] = 1,
    loop: Annotated[bool, options.option("--loop", help="Let the end lead into the beginning.")] = False,
    hybrid_seconds: Annotated[
        float, options.option("--hybrid-seconds", help="So much of the start is made frame by frame.")
    ] = 0.0,
    play: Annotated[bool, options.option("--play", help="Play what was made (needs sounddevice).")] = False,
) -> None:
    """Make a sound or a piece of music from a description."""
    making.check()
    if making.trace and count > 1:
        raise UsageError("--trace shows one clip: leave out --count")
    text = _read(prompt)
    seed = options.draw_seed() if making.seed is None else making.seed
    seeds = [(seed + i) % options.SEEDS for i in range(count)]

    from maskaudio.cli.output import plan_targets
    from maskaudio.cli.playing import Player

    targets = plan_targets(making.out, making.format, text, seeds)
    player = Player() if play else None
    making.set_up()

    from maskaudio.pipelines import text_to_audio
    from maskaudio.pipelines.long_form import WINDOW

    settings = making.settings() | {"duration": duration, "hybrid_seconds": hybrid_seconds}
    if making.trace and duration > WINDOW:
        raise UsageError(f"--trace shows one grid: at most {WINDOW:g} s")
    for number, target in zip(seeds, targets, strict=True):  # one by one: a batch would round differently
        started = time.perf_counter()
        about = {"prompt": text, "model": making.model}
        with making.watched() as observer:
            if duration > WINDOW and not loop:
                pieces = text_to_audio.stream(text, seed=number, observer=observer, **settings)
                done = making.stream(pieces, target, started, player)
                making.report(done, target, number, **about)
                continue
            clip = text_to_audio.generate(text, seed=number, observer=observer, loop=loop, **settings)
        making.deliver(clip, target, number, started, **about)
        if player:
            player.add(clip.samples[0], clip.sample_rate)
    if player:
        player.finish()


def _read(prompt: str) -> str:
    """The prompt, from stdin where it is '-'."""
    if prompt == "-":
        prompt = options.read_stdin()
    prompt = " ".join(prompt.split())
    if not prompt:
        raise UsageError(
            'the prompt is empty: say what it should sound like, for example "rain on a tin roof"'
        )
    return prompt
