"""Do the samplers draw what they should?

python -m benchmarks.exactness [--model NAME|PATH] [--draws 20000]

A toy of three cells with three tokens, all 27 outcomes known: chi-squared of each sampler, one cell a step,
against the joint distribution and, for `confidence`, which is no sampler of it, against what brute force over
all its draws gives. Then single draws of 1,000 tokens: ours (inverse CDF in float64) and a Gumbel in half
precision, which cannot reach the tokens it should. Then the model in the box: how many cells of a clip are
the same alone and in a batch.
"""

import argparse
import itertools
from typing import Any

import torch
from torch import Tensor

from benchmarks.tables import table
from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.plan import Plan, StagePlan
from maskaudio.decoding.samplers import draw, generator, probabilities, uniforms

CELLS, VOCAB = 3, 3
JOINT = torch.rand((VOCAB,) * CELLS, generator=torch.Generator().manual_seed(4), dtype=torch.float64) ** 3
JOINT = JOINT / JOINT.sum()
PROMPTS = ("rain on a tin roof", "a dog barking twice", "a church bell", "slow piano chords")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--draws", type=int, default=20_000)
    args = parser.parse_args()

    brute = torch.zeros_like(JOINT)
    for row, p in by_confidence().items():
        brute[row] = p
    limit = f"{bound(JOINT.numel()):.0f}"
    rows = []
    outcomes = {s: drawn(s, args.draws) for s in ("first-hitting", "low-discrepancy", "confidence")}
    for sampler, seen in outcomes.items():
        rows.append([sampler, "the joint distribution", f"{chi_squared(seen, JOINT):.0f}", limit])
    rows.append(["confidence", "brute force", f"{chi_squared(outcomes['confidence'], brute):.0f}", limit])
    p = probabilities(3.0 * torch.randn(1, 1000, generator=torch.Generator().manual_seed(0)), 1.0)[0]
    for name, token in (
        ("float64 inverse CDF", inverse(p, 10**6)),
        ("half-precision Gumbel", half(p, 10**6)),
    ):
        seen = token.bincount(minlength=len(p)).double()
        likely = p > 5e-6  # at least five draws of each
        chi = chi_squared(torch.cat([seen[likely], seen[~likely].sum()[None]]), grouped(p, likely))
        rows.append([name, "softmax of 1,000 logits", f"{chi:.0f}", f"{bound(int(likely.sum()) + 1):.0f}"])
    print(table(["sampler", "against", "chi-squared", "at most"], rows) + "\n")
    print(table(["4 clips of 4 s in one batch", "cells as alone"], together(args.model)))


class Exact:
    """Answers with the true conditionals of JOINT, given the cells that are known."""

    vocab = VOCAB

    def streams_of(self, stage: int) -> range:
        return range(stage, stage + 1)

    def logits(self, codes: Tensor, stage: int, condition: Any, cells: Tensor) -> Tensor:
        rows = torch.stack([conditionals(tuple(row[0].tolist())) for row in codes])
        return rows[cells][:, None].log()


def conditionals(row: tuple[int, ...]) -> Tensor:
    """p(cell | known cells) for every cell, [CELLS, VOCAB]; VOCAB in `row` is a hidden cell."""
    index = tuple(slice(None) if c == VOCAB else slice(c, c + 1) for c in row)
    p = torch.zeros_like(JOINT)
    p[index] = JOINT[index]
    sums = [p.sum(tuple(d for d in range(CELLS) if d != i)) for i in range(CELLS)]
    return torch.stack(sums) / p.sum()


def drawn(sampler: str, count: int, **plan: Any) -> Tensor:
    """How often each outcome comes in `count` decodes, [27]."""
    stage = StagePlan(CELLS, 1.0, 1.0, noise=0.0, sampler=sampler, **plan)
    out = decode(Exact(), Grid.blank(count, 1, CELLS), None, Plan((stage,), 1, "linear"), list(range(count)))
    index = sum(out[:, 0, i] * VOCAB ** (CELLS - 1 - i) for i in range(CELLS))
    return index.bincount(minlength=VOCAB**CELLS).double()


def chi_squared(seen: Tensor, p: Tensor) -> float:
    expected = p.flatten() * seen.sum()
    return float(((seen - expected) ** 2 / expected).sum())


def bound(outcomes: int) -> float:
    """Five standard deviations over what chi-squared is on average."""
    return outcomes + 5 * (2 * outcomes) ** 0.5


def by_confidence(row: tuple[int, ...] = (VOCAB,) * CELLS) -> dict[tuple[int, ...], float]:
    """What the confidence sampler makes, one cell a step, by trying every draw: {row: probability}."""
    hidden = [i for i in range(CELLS) if row[i] == VOCAB]
    if not hidden:
        return {row: 1.0}
    p = conditionals(row)
    total: dict[tuple[int, ...], float] = {}
    for tokens in itertools.product(range(VOCAB), repeat=len(hidden)):
        sure = [float(p[i, t]) for i, t in zip(hidden, tokens, strict=True)]
        best = max(range(len(hidden)), key=lambda k: sure[k])
        chance = float(torch.tensor(sure, dtype=torch.float64).prod())
        after = tuple(tokens[best] if i == hidden[best] else c for i, c in enumerate(row))
        for end, q in by_confidence(after).items():
            total[end] = total.get(end, 0.0) + chance * q
    return total


def inverse(p: Tensor, count: int) -> Tensor:
    """`count` draws as the decode loop draws them."""
    uniform = uniforms((count,), [generator(1)])[0]
    return torch.cat([draw(p.expand(len(part), -1), part) for part in uniform.split(10_000)])


def half(p: Tensor, count: int) -> Tensor:
    """`count` draws by the largest of log p plus Gumbel noise, all of it in float16."""
    chance = torch.Generator().manual_seed(1)
    made = []
    for _ in range(count // 10_000):
        uniform = torch.rand(10_000, len(p), generator=chance).half().clamp(min=6e-8, max=1 - 2**-11)
        noise = -(-uniform.log()).log()
        made.append((p.log().half() + noise).argmax(1))
    return torch.cat(made)


def grouped(p: Tensor, likely: Tensor) -> Tensor:
    return torch.cat([p[likely], p[~likely].sum()[None]])


def together(model: str) -> list[list[str]]:
    """The share of cells that are the same once more, and in a batch."""
    from maskaudio.pipelines.filling import Filling

    filling = Filling.of(model=model, candidates=1)
    streams = filling.sound.network.transformer.streams
    alone = [filling(Grid.blank(1, streams, 100), [prompt], [7]) for prompt in PROMPTS]
    again = [filling(Grid.blank(1, streams, 100), [prompt], [7]) for prompt in PROMPTS]
    batch = filling(Grid.blank(len(PROMPTS), streams, 100), list(PROMPTS), [7] * len(PROMPTS))
    rows = (("alone once more", torch.cat(again)), ("in a batch", batch))
    return [[name, f"{100 * float((made == torch.cat(alone)).float().mean()):.2f} %"] for name, made in rows]


if __name__ == "__main__":
    main()
