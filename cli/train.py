"""`maskaudio train`: a model from recordings, in a run folder that can be resumed."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError

app = typer.Typer(help="Train a model on your recordings.", rich_markup_mode=None)

Recipe = Annotated[Path, typer.Argument(help="A YAML file that says what to train and for how long.")]
Sources = Annotated[
    list[Path],
    options.option(
        "--data", help="Folder (.txt beside audio), CSV/JSONL manifest, or tar shards; repeatable."
    ),
]
Run = Annotated[
    Path, options.option("-o", "--out", help="Run folder: state, log, loss plot, samples, model.")
]
Resume = Annotated[bool, options.option("--resume", help="Go on where the run in this folder stopped.")]
DryRun = Annotated[
    bool, options.option("--dry-run", help="Show the clips and an estimate of hours; train nothing.")
]
Changes = Annotated[
    list[str] | None, options.option("--set", help="key.sub=value in place of the recipe's; repeatable.")
]


@app.command()
def codec(
    recipe: Recipe,
    data: Sources,
    out: Run,
    resume: Resume = False,
    dry_run: DryRun = False,
    changes: Changes = None,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Train a codec: tokens ⇄ log-mel, then log-mel → wave."""
    options.set_up(quiet=quiet, verbose=verbose, threads=threads)
    from maskaudio.training.recipe import CodecRecipe, read_recipe

    plan = read_recipe(CodecRecipe, recipe, changes)
    if dry_run:
        from maskaudio.training.estimate import codec_hours

        _show_plan(plan, data, lambda: codec_hours(plan))
        return
    from maskaudio.training.codec import train_codec

    _carry_out(train_codec, plan, data, out, resume, device.value, quiet)


@app.command()
def sound(
    recipe: Recipe,
    data: Sources,
    out: Run,
    resume: Resume = False,
    dry_run: DryRun = False,
    changes: Changes = None,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Train text → sound: a masked transformer on a codec's tokens."""
    options.set_up(quiet=quiet, verbose=verbose, threads=threads)
    from maskaudio.training.recipe import SoundRecipe, read_recipe

    plan = read_recipe(SoundRecipe, recipe, changes)
    if dry_run:
        from maskaudio.training.estimate import sound_hours

        _show_plan(plan, data, lambda: sound_hours(plan), captioned=True)
        return
    from maskaudio.training.sound import train_sound

    _carry_out(train_sound, plan, data, out, resume, device.value, quiet)


@app.command("speech-tokens")
def speech_tokens(
    recipe: Recipe,
    data: Sources,
    out: Run,
    resume: Resume = False,
    dry_run: DryRun = False,
    changes: Changes = None,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Train a speech tokeniser: what is said, in tokens that hardly say who."""
    options.set_up(quiet=quiet, verbose=verbose, threads=threads)
    from maskaudio.training.recipe import TokeniserRecipe, read_recipe

    plan = read_recipe(TokeniserRecipe, recipe, changes)
    if dry_run:
        from maskaudio.training.estimate import tokeniser_hours

        _show_plan(plan, data, lambda: tokeniser_hours(plan), spoken=True)
        return
    from maskaudio.training.speech_tokens import train_speech_tokens

    _carry_out(train_speech_tokens, plan, data, out, resume, device.value, quiet)


@app.command()
def speech(
    recipe: Recipe,
    data: Sources,
    out: Run,
    start: Annotated[
        str | None, options.option("--from", help="Go on from this speech model: its name or folder.")
    ] = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    changes: Changes = None,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Train text → speech on recordings with their texts; clips of one folder are one speaker's."""
    options.set_up(quiet=quiet, verbose=verbose, threads=threads)
    from maskaudio.training.recipe import SpeechRecipe, read_recipe

    plan = read_recipe(SpeechRecipe, recipe, changes)
    if dry_run:
        from maskaudio.training.estimate import speech_hours

        _show_plan(plan, data, lambda: speech_hours(plan), spoken=True)
        return
    from maskaudio.training.speech import train_speech

    _carry_out(partial(train_speech, start=start), plan, data, out, resume, device.value, quiet)


def _carry_out(
    train: Any, plan: Any, data: list[Path], out: Path, resume: bool, device: str, quiet: bool
) -> None:
    from maskaudio.cli.output import check_folder
    from maskaudio.devices import pick_device

    pick_device(device)  # say so before anything is read
    nearest = next(p for p in (out, *out.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise UsageError(f"{out}: {nearest} is a file, not a folder")
    check_folder(nearest)
    try:
        folder = train(plan, data, out, resume=resume, device=device, on_step=None if quiet else _Lines())
    except KeyboardInterrupt:
        options.say(f"stopped; the same command with --resume goes on from {out}")
        raise
    if not quiet:
        options.say(f"the model is in {folder}")


class _Lines:
    """What training says: validation figures a line each; on a terminal the step in between, in place."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.started = time.monotonic()

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        valid = any(name.startswith("valid_") for name in figures)
        if not (valid or self.live):
            return
        text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        line = f"{(time.monotonic() - self.started) / 60:6.1f} min  step {step}  {text}"
        start, end = ("\r\x1b[K", "\n" if valid else "") if self.live else ("", "\n")
        print(start + line, end=end, file=sys.stderr, flush=True)


def _show_plan(plan: Any, data: list[Path], hours: Callable[[], dict[str, float]], **wanted: bool) -> None:
    """What --dry-run prints: clips found and refused, with reasons, hours of audio, hours of training."""
    from maskaudio.training.estimate import clip_seconds
    from maskaudio.training.recipe import recipe_clips

    clips, refused = recipe_clips(plan.data, data, **wanted)
    seconds, unreadable = clip_seconds(clips)
    refused = refused + unreadable
    for split in sorted({clip.split for clip in clips}):
        own = [seconds[clip.name] for clip in clips if clip.split == split and clip.name in seconds]
        print(f"{split:<8} {len(own)} clips, {sum(own) / 3600:.2f} h")
    print(f"{'refused':<8} {len(refused)} clips")
    for reason, count in Counter(r.reason for r in refused).most_common(20):
        example = next(r.name for r in refused if r.reason == reason)
        print(f"  {count} x {reason} (such as {example})")
    for split, what in (("train", "train on"), ("valid", "validate on")):
        if not any(clip.split == split and clip.name in seconds for clip in clips):
            raise UsageError(f"no clip is left to {what}")
    for phase, value in hours().items():
        print(f"{'training':<8} {phase}: about {value:.1f} h on this machine's CPU")
