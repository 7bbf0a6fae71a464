"""`maskaudio train`: a model from recordings, in a run folder that can be resumed."""

import inspect
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
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
Recogniser = Annotated[
    Path | None,
    options.option(
        "--recogniser", help="A folder of faster-whisper's, to hear what clips without a text say."
    ),
]
Resume = Annotated[bool, options.option("--resume", help="Go on where the run in this folder stopped.")]
Start = Annotated[
    str | None, options.option("--from", help="Go on from this model of the same kind: its name or folder.")
]
DryRun = Annotated[
    bool, options.option("--dry-run", help="Show the clips and an estimate of hours; train nothing.")
]
Changes = Annotated[
    list[str] | None, options.option("--set", help="key.sub=value in place of the recipe's; repeatable.")
]


@dataclass(frozen=True)
class Kind:
    """What a command trains: its recipe, what carries it out and estimates it, which clips it wants."""

    recipe: type
    train: Callable[..., Path]
    hours: Callable[[Any], dict[str, float]]
    wanted: dict[str, bool] = field(default_factory=dict)


def _codec() -> Kind:
    from maskaudio.training import codec, estimate, recipe

    return Kind(recipe.CodecRecipe, codec.train_codec, estimate.codec_hours)


def _sound() -> Kind:
    from maskaudio.training import estimate, recipe, sound

    return Kind(recipe.SoundRecipe, sound.train_sound, estimate.sound_hours, {"captioned": True})


def _speech_tokens() -> Kind:
    from maskaudio.training import estimate, recipe, speech_tokens

    hours = estimate.tokeniser_hours
    return Kind(recipe.TokeniserRecipe, speech_tokens.train_speech_tokens, hours, {"spoken": True})


def _speech() -> Kind:
    from maskaudio.training import estimate, recipe, speech

    return Kind(recipe.SpeechRecipe, speech.train_speech, estimate.speech_hours, {"spoken": True})


FURTHER = ("start", "recogniser")  # what only some commands have


def _trainer(kind: Callable[[], Kind], *further: str) -> Callable[..., None]:
    """The command that trains what `kind` imports; it has these `further` options."""

    def command(
        recipe: Recipe,
        data: Sources,
        out: Run,
        start: Start = None,
        recogniser: Recogniser = None,
        resume: Resume = False,
        dry_run: DryRun = False,
        changes: Changes = None,
        device: options.Device = options.DeviceName.auto,
        threads: options.Threads = None,
        as_json: options.Json = False,
        quiet: options.Quiet = False,
        verbose: options.Verbose = False,
        debug: options.Debug = False,
    ) -> None:
        options.set_up(quiet=quiet, verbose=verbose, threads=threads)
        all_further = {"start": start, "recogniser": recogniser}
        more = {"resume": resume, "device": device.value} | {name: all_further[name] for name in further}
        _run(kind(), recipe, data, out, changes, dry_run, quiet, as_json, **more)

    told = inspect.signature(command)
    kept = [p for name, p in told.parameters.items() if name not in FURTHER or name in further]
    command.__signature__ = told.replace(parameters=kept)  # what typer reads
    return command


app.command("codec", help="Train a codec: tokens ⇄ log-mel, then log-mel → wave.")(_trainer(_codec, "start"))
app.command("sound", help="Train text → sound: a masked transformer on a codec's tokens.")(
    _trainer(_sound, "start")
)
app.command("speech-tokens", help="Train a speech tokeniser: what is said, in tokens that hardly say who.")(
    _trainer(_speech_tokens)
)
app.command(
    "speech",
    help="Train text → speech on recordings with their texts; clips of one folder are one speaker's.",
)(_trainer(_speech, "start", "recogniser"))


def _run(
    kind: Kind,
    recipe: Path,
    data: list[Path],
    out: Path,
    changes: list[str] | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    from maskaudio.training.recipe import read_recipe

    plan = read_recipe(kind.recipe, recipe, changes)
    if dry_run:
        _show_plan(plan, data, out, kind, as_json, settings.get("recogniser"))
    else:
        folder = _carry_out(kind.train, plan, data, out, quiet, **settings)
        if as_json:
            print(json.dumps({"model": str(folder)}))


def _carry_out(
    train: Callable[..., Path],
    plan: Any,
    data: list[Path],
    out: Path,
    quiet: bool,
    *,
    device: str,
    **settings: Any,
) -> Path:
    from maskaudio.cli.output import check_folder
    from maskaudio.devices import pick_device

    pick_device(device)  # say so before anything is read
    nearest = next(p for p in (out, *out.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise UsageError(f"{out}: {nearest} is a file, not a folder")
    check_folder(nearest)
    try:
        folder = train(plan, data, out, device=device, on_step=None if quiet else _Lines(), **settings)
    except KeyboardInterrupt:
        options.say(f"stopped; the same command with --resume goes on from {out}")
        raise
    if not quiet:
        options.say(f"the model is in {folder}")
    return folder


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


def _show_plan(
    plan: Any, data: list[Path], out: Path, kind: Kind, as_json: bool, recogniser: Path | None
) -> None:
    """What --dry-run prints: clips found and refused, with reasons, hours of audio, hours of training.

    With a recogniser it leaves in `out` what that hears, to be read and corrected before the run.
    """
    from maskaudio.training.estimate import clip_seconds
    from maskaudio.training.recipe import recipe_clips

    hear = None
    if recogniser:
        from maskaudio.training.heard import transcriber

        hear = transcriber(recogniser, out)
    clips, refused = recipe_clips(plan.data, data, **kind.wanted, hear=hear)
    seconds, unreadable = clip_seconds(clips)
    refused = refused + unreadable
    found = {}
    for split in sorted({clip.split for clip in clips}):
        own = [seconds[clip.name] for clip in clips if clip.split == split and clip.name in seconds]
        found[split] = {"clips": len(own), "hours": sum(own) / 3600}
    reasons = Counter(r.reason for r in refused)
    hours = kind.hours(plan)
    if as_json:
        print(json.dumps({"clips": found, "refused": dict(reasons), "training_hours": hours}))
    else:
        for split, about in found.items():
            print(f"{split:<8} {about['clips']} clips, {about['hours']:.2f} h")
        print(f"{'refused':<8} {len(refused)} clips")
        for reason, count in reasons.most_common(20):
            example = next(r.name for r in refused if r.reason == reason)
            print(f"  {count} x {reason} (such as {example})")
    for split, what in (("train", "train on"), ("valid", "validate on")):
        if not found.get(split, {}).get("clips"):
            raise UsageError(f"no clip is left to {what}")
    if not as_json:
        for phase, value in hours.items():
            print(f"{'training':<8} {phase}: about {value:.1f} h on this machine's CPU")
