"""`maskaudio generate`: words to sound files."""

import json
import time
from typing import Annotated

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError


def generate(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What it should sound like; - reads it from stdin.")
    ],
    out: options.Out = None,
    format: options.Format = None,
    duration: Annotated[float, options.option("-d", "--duration", help="Seconds.")] = 4.0,
    count: Annotated[int, options.option("-n", "--count", min=1, max=1000, help="How many clips.")] = 1,
    seed: options.Seed = None,
    model: Annotated[str, options.option("-m", "--model", help="A model's name or folder.")] = "sound",
    steps: Annotated[
        str | None, options.option("--steps", help="Steps in all, or per stage: 8,2,1,1.")
    ] = None,
    guidance: Annotated[
        float | None, options.option("--guidance", help="How closely to follow the words; 1 = no guidance.")
    ] = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    span: Annotated[int | None, options.option("--span", help="Frames that are revealed together.")] = None,
    negative: Annotated[
        str | None, options.option("--negative", help="What it should not sound like.")
    ] = None,
    play: Annotated[bool, options.option("--play", help="Play what was made (needs sounddevice).")] = False,
    no_tags: options.NoTags = False,
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make a sound or a piece of music from a description."""
    if as_json and out == "-":
        raise UsageError("--json and -o - both want stdout: give -o a file")
    text = _read(prompt)
    per_stage = _parse_steps(steps)
    seed = options.draw_seed() if seed is None else seed
    seeds = [(seed + i) % options.SEEDS for i in range(count)]

    from maskaudio.audio import encode_audio
    from maskaudio.cli.output import plan_targets
    from maskaudio.cli.playing import Player
    from maskaudio.cli.progress import live_progress

    targets = plan_targets(out, format, text, seeds)
    player = Player() if play else None
    options.set_up(quiet=quiet, verbose=verbose, threads=threads, offline=offline)

    from maskaudio.pipelines import text_to_audio

    settings = {"duration": duration, "model": model, "steps": per_stage, "guidance": guidance}
    settings |= {"temperature": temperature, "top_p": top_p, "span": span, "negative": negative}
    for number, target in zip(seeds, targets, strict=True):  # one by one: a batch would round differently
        started = time.perf_counter()
        with live_progress(not quiet) as observer:
            clip = text_to_audio.generate(
                text, seed=number, device=device.value, observer=observer, **settings
            )
        took = time.perf_counter() - started
        path = target.write(encode_audio(clip, target.format, tags=not no_tags), overwrite=overwrite)
        if not quiet:
            options.say(
                f"wrote {'to stdout' if target.is_stdout else path}: {clip.duration:.2f} s of sound"
                f" in {took:.2f} s ({clip.duration / took:.1f} times real time), seed {number}"
            )
        if as_json:
            made = {
                "file": str(path),
                "format": target.format,
                "prompt": text,
                "seed": number,
                "model": model,
            }
            made |= {"duration": clip.duration, "sample_rate": clip.sample_rate, "seconds": round(took, 3)}
            print(json.dumps(made | {"tags": clip.tags}, ensure_ascii=False), flush=True)
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


def _parse_steps(value: str | None) -> int | list[int] | None:
    if value is None:
        return None
    try:
        numbers = [int(part) for part in value.split(",")]
    except ValueError:
        raise UsageError(f"--steps {value}: expected a number, or one per stage such as 8,2,1,1") from None
    return numbers if "," in value else numbers[0]
