"""The same transformer, masked and from left to right.

python -m benchmarks.autoregressive [--model NAME|PATH] [--seconds 10] [--runs 3] [--data DIR …]

How long one clip takes at batch 1, from the prompt to all of its codes: as the model's own plan fills it,
without guidance, and autoregressively with a key-value cache, streams flattened and in the delay pattern;
medians of interleaved runs. With `--data`, what the judge says of a clip a label made in each way.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus import find, seed
from benchmarks.judge import JUDGE
from benchmarks.samplers import passes_of
from benchmarks.sound import covered_labels, one_clip_a_label, top_five
from benchmarks.tables import table
from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.left_to_right import decode_left_to_right
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.evaluation.judge import SECONDS, load_judge
from maskaudio.evaluation.scores import Share
from maskaudio.pipelines.sound_model import SoundModel, load

PROMPT = "rain on a tin roof with distant thunder"
WAYS: dict[str, dict[str, Any]] = {
    "masked": {},
    "masked, no guidance": {"guidance": 1.0},
    "flattened": {"pattern": "flattened"},
    "flattened, no guidance": {"pattern": "flattened", "guidance": 1.0},
    "delayed": {"pattern": "delayed"},
    "delayed, no guidance": {"pattern": "delayed", "guidance": 1.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--judge", type=Path, default=JUDGE)
    args = parser.parse_args()

    sound = load(args.model)
    frames = round(args.seconds * sound.codec.frame_rate)
    ways = {name: way(sound, **settings) for name, settings in WAYS.items()}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(args.runs + 1):
        for name, fill in ways.items():
            began = time.perf_counter()
            fill(PROMPT, frames, run)
            if run:  # the first one warms up
                took[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(seconds) for name, seconds in took.items()}
    rows = []
    for name, settings in WAYS.items():
        own = "masked" if "no guidance" not in name else "masked, no guidance"
        ratio = f"{middle[name] / middle[own]:.1f}"
        rows.append([name, passes(sound, frames, **settings), f"{middle[name]:.2f}", ratio])
    if args.data:
        for row, right in zip(rows, judged(sound, ways, args), strict=True):
            row += right
    heads = [
        "way",
        "passes",
        "seconds",
        "times as long as masked",
        *(["top-1", "top-5"] if args.data else []),
    ]
    print(table(heads, rows))


def way(
    sound: SoundModel, pattern: str | None = None, guidance: float | None = None
) -> Callable[[str, int, int], Tensor]:
    """fill(prompt, frames, seed) → codes [1, K, T]."""
    plan = make_plan(sound.plan, Changes(guidance=guidance))
    network = sound.network.transformer

    @torch.inference_mode()
    def fill(prompt: str, frames: int, seed: int) -> Tensor:
        condition = sound.condition([prompt])
        nothing = sound.condition([prompt], dropped=True) if guidance is None else None
        grid = Grid.blank(1, network.streams, frames)
        told = (network, grid, condition, plan, [seed])
        if pattern is None:
            return decode(*told, unconditional=nothing)
        return decode_left_to_right(*told, pattern=pattern, unconditional=nothing).codes

    return fill


def passes(sound: SoundModel, frames: int, pattern: str | None = None, guidance: float | None = None) -> int:
    """Passes through the network; a guidance row counts as one."""
    plan: Plan = make_plan(sound.plan, Changes(guidance=guidance))
    if pattern is None:
        return passes_of(plan)
    rows = [1 if stage.guidance == 1.0 else 2 for stage in plan.stages]
    return sum(rows) * frames if pattern == "flattened" else rows[0] * (frames + len(rows) - 1)


def judged(
    sound: SoundModel, ways: dict[str, Callable[[str, int, int], Tensor]], args: argparse.Namespace
) -> list[list[Share]]:
    """Of every way the judge's top-1 and top-5 on a clip a label."""
    judge = load_judge(args.judge)
    clips = [c for c in find(args.data) if c.fields.get("permissive", True)]
    originals = one_clip_a_label(clips, covered_labels(args.model, judge))
    every = max(1, len(originals) // args.clips)
    chosen = dict(list(originals.items())[::every])
    frames, rows = round(SECONDS * sound.codec.frame_rate), []
    for fill in ways.values():
        made = []
        for label, clip in chosen.items():
            codes = fill(clip.captions[0], frames, seed(label))
            with torch.inference_mode():
                made.append(sound.codec.decode(codes)[0].mean(0).numpy())
        tops = top_five(judge, made)
        right = [[label in top[:k] for label, top in zip(chosen, tops, strict=True)] for k in (1, 5)]
        rows.append([Share.of(share) for share in right])
    return rows


if __name__ == "__main__":
    main()
