"""Does the model copy? Generated clips beside real unseen ones: how near is the nearest training clip?"""

from collections import Counter

import numpy as np
import torch

from benchmarks.corpus import Generate, Resynthesise, seed, single, waves
from benchmarks.tables import table
from maskaudio.evaluation.copies import nearest, picture
from maskaudio.evaluation.judge import SECONDS
from maskaudio.evaluation.scores import Share
from maskaudio.training.clips import Clip

Distances = dict[str, list[float]]


def measure_copies(
    made: dict[str, np.ndarray], train: list[Clip], fresh: list[Clip], resynthesise: Resynthesise
) -> Distances:
    """Distance in dB to the nearest training clip of the label: generated clips (by label), real unseen ones.

    The unseen ones also through the codec, whose errors the generated clips carry too.
    """
    known: dict[str, list[torch.Tensor]] = {label: [] for label in made}
    for clip, wave in waves([c for c in train if single(c) and c.fields["label"] in known]):
        known[clip.fields["label"]].append(picture(wave))
    known = {label: pictures for label, pictures in known.items() if pictures}
    result = {"generated": [nearest(picture(made[label]), known[label]) for label in known]}
    result |= {"unseen": [], "unseen, through the codec": []}
    for clip, wave in waves(a_few(fresh, set(known)), SECONDS):
        own = known[clip.fields["label"]]
        result["unseen"].append(nearest(picture(wave), own))
        result["unseen, through the codec"].append(nearest(picture(resynthesise(wave)), own))
    return result


def a_few(clips: list[Clip], labels: set[str], most: int = 4) -> list[Clip]:
    """At most so many permissive single-source clips of every label."""
    count: Counter[str] = Counter()
    chosen = []
    for clip in filter(single, clips):
        label = clip.fields["label"]
        if label in labels and clip.fields.get("permissive", True) and count[label] < most:
            count[label] += 1
            chosen.append(clip)
    return chosen


def measure_seeds(
    prompts: list[str], made: list[np.ndarray], generate: Generate, every: int = 5
) -> Distances:
    """Distance in dB of two clips of one prompt made with different seeds, for some of the prompts."""
    prompts, made = prompts[::every], made[::every]
    again = generate(prompts, [seed(p) + 1 for p in prompts])
    return {"two seeds": [nearest(picture(a), [picture(b)]) for a, b in zip(made, again, strict=True)]}


def copies_table(copies: Distances, seeds: Distances) -> str:
    """Both measurements, and how many generated clips are nearer than 95 % of the real ones."""
    rows = []
    for name, values in {**copies, "two seeds of a prompt, to each other": seeds["two seeds"]}.items():
        least, low, middle = np.percentile(values, [0, 5, 50])
        rows.append([name, len(values), f"{least:.2f}", f"{low:.2f}", f"{middle:.2f}"])
    text = table(
        ["distance (dB) to the nearest training clip", "clips", "least", "5th percentile", "median"], rows
    )
    for name in ("unseen", "unseen, through the codec"):
        nearer = Share.of(np.array(copies["generated"]) < np.percentile(copies[name], 5))
        text += f"\nGenerated clips nearer than the 5th percentile of '{name}': {nearer}"
    return text + "\n"
