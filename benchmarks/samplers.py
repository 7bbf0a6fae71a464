"""What each way of choosing spans buys, and what it costs.

python -m benchmarks.samplers --data DIR --out RUN [--clips 64] [--model NAME|PATH] [--plot FILE.png]
    [--sampler NAME …] [--only ROW …]

Every sampler at 4 to 32 steps on the same captions and seeds, one candidate each: the judge's top-1 and
top-5, passes through the network (two for a guided step), seconds a clip of four seconds, one at a time. The
last rows change one thing of the model's own plan: the schedule, what guidance does, re-masking, the critic,
the model's own second opinion, a beginning from left to right, the number of candidates. Every answer goes to
RUN/samplers.json.
"""

import argparse
import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

import maskaudio
from benchmarks.corpus import find, seed
from benchmarks.judge import JUDGE
from benchmarks.sound import covered_labels, one_clip_a_label, top_five
from benchmarks.tables import table
from maskaudio.decoding.engine import ORDERS
from maskaudio.decoding.orders import Order
from maskaudio.decoding.plan import SAMPLERS, Changes, Plan, make_plan
from maskaudio.decoding.spans import masked_share
from maskaudio.evaluation.judge import SECONDS, Judge, load_judge
from maskaudio.evaluation.scores import Share
from maskaudio.pipelines.sound_model import load

STEPS = (4, 8, 12, 16, 32)
OTHERS: tuple[dict[str, Any], ...] = (
    {},
    {"schedule": "arccos"},
    {"schedule": "linear"},
    {"course": "up"},
    {"course": "constant"},
    {"course": "constant", "rescale": 0.7},
    {"space": "hidden"},
    {"space": "hidden", "rescale": 0.75},
    {"guidance": 1.0},
    {"remask": True},
    {"critic": True},
    {"rescore": "sound"},
    {"hybrid_seconds": 1.0},
    {"candidates": 2},
    {"candidates": 4},
    {"candidates": 8},
    {"span": 1},
    {"span": 4},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument(
        "--sampler", action="append", choices=SAMPLERS, help="only these, and nothing else changed"
    )
    parser.add_argument("--only", action="append", metavar="TEXT", help='rows of this name, as "steps 12"')
    args = parser.parse_args()

    judge = load_judge(args.judge)
    clips = [c for c in find(args.data) if c.fields.get("permissive", True)]
    originals = one_clip_a_label(clips, covered_labels(args.model, judge))
    labels = [list(originals)[i] for i in np.random.default_rng(0).permutation(len(originals))[: args.clips]]
    prompts = {label: originals[label].captions[0] for label in labels}
    settings: list[dict[str, Any]] = [
        {"sampler": sampler, "steps": steps}
        for sampler in args.sampler or [s for s in SAMPLERS if ORDERS[s] is Order]
        for steps in STEPS
        if steps >= len(load(args.model).plan.stages)
    ]
    settings += [] if args.sampler else OTHERS
    settings = [s for s in settings if not args.only or name(s) in args.only]
    if not settings:
        parser.error(f"--only: no row is called {' or '.join(args.only)}")
    figures = []
    for setting in settings:
        row = measured(judge, prompts, args.model, {"candidates": 1} | setting)
        figures.append(row)
        print(" | ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    columns = list(figures[0])
    print("\n" + table(columns, [[row[column] for column in columns] for row in figures]))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "samplers.json").write_text(json.dumps(figures, indent=1, default=str))
    if args.plot:
        plot(figures, args.plot)


def measured(judge: Judge, prompts: dict[str, str], model: str, setting: dict[str, Any]) -> dict[str, Any]:
    """One row: the judge's answers on a clip a label, and what they cost."""
    sound = load(model)
    plan = make_plan(sound.plan, Changes(**{f.name: setting.get(f.name) for f in fields(Changes)}))
    passes = passes_of(plan)
    if "rescore" in setting:
        passes += plan.steps
    if "critic" in setting:
        passes += plan.steps - len(plan.stages)
    first = round(setting.get("hybrid_seconds", 0) * sound.codec.frame_rate)
    passes += first * sum(1 if stage.guidance == 1.0 else 2 for stage in plan.stages)
    passes *= setting["candidates"]
    made, began = [], time.perf_counter()
    for label, prompt in prompts.items():
        clip = maskaudio.generate(prompt, duration=SECONDS, seed=seed(label), model=model, **setting)
        made.append(clip.samples.mean(0))
    took = (time.perf_counter() - began) / len(made)
    tops = top_five(judge, made)
    right = [[label in top[:k] for label, top in zip(prompts, tops, strict=True)] for k in (1, 5)]
    return {
        "what": name(setting),
        "passes": passes,
        "seconds": f"{took:.2f}",
        "top-1": Share.of(right[0]),
        "top-5": Share.of(right[1]),
    }


def name(setting: dict[str, Any]) -> str:
    """What a row is called: what is not as it comes."""
    return ", ".join(f"{k} {v}" for k, v in setting.items() if (k, v) != ("candidates", 1)) or "as it comes"


def passes_of(plan: Plan) -> int:
    """Passes through the network: two for every step whose guidance is not 1."""
    return sum(
        2 if stage.guidance_at(masked_share(plan.schedule, step / stage.steps)) != 1.0 else 1
        for stage in plan.stages
        for step in range(stage.steps)
    )


def plot(figures: list[dict[str, Any]], path: Path) -> None:
    """Top-5 over seconds, a line a sampler."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for sampler in SAMPLERS:
        rows = [row for row in figures if row["what"].startswith(f"sampler {sampler},")]
        axes.plot(
            [float(r["seconds"]) for r in rows], [100 * r["top-5"].value for r in rows], "o-", label=sampler
        )
    axes.set_xlabel("seconds a clip of four seconds")
    axes.set_ylabel("the judge's top-5, %")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
