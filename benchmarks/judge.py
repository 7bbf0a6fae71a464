"""The judge: trained on clips the generator never saw, kept beside this file as judge.safetensors.

python -m benchmarks.judge train --data DIR [--data DIR] --out benchmarks/judge.safetensors
python -m benchmarks.judge score --data DIR
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus import KINDS, find, kind, single, waves
from benchmarks.tables import table
from maskaudio.evaluation.judge import SECONDS, Judge, load_judge, save_judge
from maskaudio.evaluation.mel import mel_db
from maskaudio.evaluation.scores import Share

HERE = Path(__file__).parent
JUDGE = HERE / "judge.safetensors"
FRAMES = 1 + int(SECONDS * 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    learn = commands.add_parser("train", help="train a judge")
    learn.add_argument("--data", type=Path, action="append", required=True, help="corpus folder")
    learn.add_argument("--out", type=Path, default=JUDGE)
    learn.add_argument("--epochs", type=int, default=16)
    learn.add_argument("--batch", type=int, default=64)
    learn.add_argument("--lr", type=float, default=2e-3)
    test = commands.add_parser("score", help="how often the judge is right on the clips of a corpus")
    test.add_argument("--data", type=Path, action="append", required=True, help="corpus folder")
    test.add_argument("--judge", type=Path, default=JUDGE)
    args = parser.parse_args()
    if args.command == "train":
        save_judge(train(args.data, args.epochs, args.batch, args.lr), args.out)
    else:
        score(load_judge(args.judge), args.data)


def train(data: list[Path], epochs: int, batch: int, lr: float) -> Judge:
    """A judge of all labels in `data`; every clip is used (mixes with both their labels)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    clips = find(data)
    labels = sorted({label for clip in clips for label in clip.fields["labels"]})
    mels, targets = [], torch.zeros(len(clips), len(labels))
    for i, (clip, wave) in enumerate(waves(clips)):
        mels.append(mel_db(torch.from_numpy(wave)[None])[0].half())
        for label in clip.fields["labels"]:
            targets[i, labels.index(label)] = 1 / len(clip.fields["labels"])
    print(f"{len(clips)} clips, {len(labels)} labels", flush=True)

    judge = Judge(labels).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), lr, weight_decay=0.05)
    steps = epochs * (len(clips) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, steps, pct_start=0.1)
    began, losses = time.monotonic(), []
    for epoch in range(epochs):
        for rows in rng.permutation(len(clips))[: len(clips) // batch * batch].reshape(-1, batch):
            mel = torch.stack([crop(mels[i].float(), rng) for i in rows])
            mel, target = mix(degrade(mel), targets[rows])
            with torch.autocast("cpu", torch.bfloat16):
                logits = judge(mel).float()
            loss = F.cross_entropy(logits, target, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        recent = np.mean(losses[-len(clips) // batch :])
        print(f"epoch {epoch + 1}: loss {recent:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    return judge.eval()


def crop(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """A random four seconds of mel [64, T]; a shorter clip gets silence around it."""
    spare = mel.shape[1] - FRAMES
    if spare > 0:
        start = int(rng.integers(0, spare + 1)) if rng.random() < 0.5 else 0
        return mel[:, start : start + FRAMES]
    before = int(rng.integers(0, -spare + 1)) if rng.random() < 0.5 else 0
    return F.pad(mel, (before, -spare - before), value=-100.0)


def degrade(mel: Tensor) -> Tensor:
    """What a codec, a room or a microphone may do to mel [B, 64, T] in dB without changing its label."""
    batch, bands, frames = mel.shape

    def chosen(share: float) -> Tensor:
        return torch.rand(batch, 1, 1) < share

    top = mel.amax((1, 2), keepdim=True)
    band = torch.arange(bands).view(1, -1, 1)
    frame = torch.arange(frames).view(1, 1, -1)
    # detail lost: neighbouring bands or frames run into each other
    for kernel in ((3, 1), (5, 1), (1, 3), (1, 5), (3, 3)):
        pad = (kernel[0] // 2, kernel[1] // 2)
        blurred = F.avg_pool2d(mel[:, None], kernel, 1, pad, count_include_pad=False)[:, 0]
        mel = torch.where(chosen(0.12), blurred, mel)
    # errors of every cell, and a colouring that stays
    mel = mel + torch.where(chosen(0.4), torch.randn_like(mel) * torch.rand(batch, 1, 1) * 5, 0.0)
    for knots, decibels in ((6, 6), (20, 4)):
        curve = F.interpolate(torch.randn(batch, 1, knots), bands, mode="linear")[:, 0, :, None]
        mel = mel + torch.where(chosen(0.5), curve * torch.rand(batch, 1, 1) * decibels, 0.0)
    # a step in the treble, such as Opus leaves in loud noise and all clips of one coder share
    step = torch.randn(batch, 1, 1) * 5
    mel = mel + torch.where(chosen(0.5) & (band > torch.randint(40, bands, (batch, 1, 1))), step, 0.0)
    # a low-pass, a noise floor, holes in time and frequency
    cut = torch.randint(36, bands, (batch, 1, 1))
    mel = torch.where(chosen(0.25) & (band > cut), mel - 60, mel)
    floor = top - 10 - 60 * torch.rand(batch, 1, 1) - torch.rand(batch, 1, 1) * 20 * band / bands
    noise = floor + torch.randn_like(mel) * 3
    mel = torch.where(chosen(0.4), 10 * torch.log10(10 ** (mel / 10) + 10 ** (noise / 10)), mel)
    for axis, length in ((band, 8), (frame, 25)):
        start = torch.randint(0, axis.numel(), (batch, 1, 1))
        hole = (axis >= start) & (axis < start + torch.randint(1, length, (batch, 1, 1)))
        mel = torch.where(chosen(0.4) & hole, top - 100, mel)
    return mel


def mix(mel: Tensor, target: Tensor, share: float = 0.25) -> tuple[Tensor, Tensor]:
    """Some clips get another one of the batch under them, 0 to 8 dB softer, and both labels."""
    other = torch.randperm(len(mel))
    under = mel[other] - mel[other].amax((1, 2), keepdim=True) + mel.amax((1, 2), keepdim=True)
    under = under - 8 * torch.rand(len(mel), 1, 1)
    both = 10 * torch.log10(10 ** (mel / 10) + 10 ** (under / 10))
    chosen = torch.rand(len(mel)) < share
    mel = torch.where(chosen[:, None, None], both, mel)
    return mel, torch.where(chosen[:, None], 0.6 * target + 0.4 * target[other], target)


def score(judge: Judge, data: list[Path]) -> None:
    """Print top-1 and top-5 on the single-source clips of `data`, per kind of source."""
    hits: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for clip, wave in waves([c for c in find(data) if single(c)], SECONDS):
        (ranked,) = judge.rank(torch.from_numpy(wave)[None])
        label = clip.fields["label"]
        hit = (label == ranked[0], label in ranked[:5])
        for name in ("all", kind(clip)):
            hits[name].append(hit)
    rows = [
        [name, len(hits[name]), *(Share.of([hit[i] for hit in hits[name]]) for i in (0, 1))]
        for name in ("all", *KINDS)
    ]
    print(table(["clips", "number", "top-1", "top-5"], rows))


if __name__ == "__main__":
    main()
