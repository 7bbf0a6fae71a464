"""What follows from counting the tokens, before anything is trained."""

import numpy as np
import torch
from torch import Tensor

from maskaudio.networks.neighbours import RELATIONS, Neighbours
from maskaudio.training.tokens import TokenStore

SMOOTHING = 5.0  # counts of a code come with so many drawn as if it said nothing
SHARE = 0.5  # neighbours say the same thing more than once


def fill_neighbours(tables: Neighbours, store: TokenStore, streams: int) -> None:
    """Fill `tables` with pointwise mutual information, log P(code | neighbour) − log P(code)."""
    ends = torch.from_numpy(store.offsets[1:-1])
    grid = torch.from_numpy(store.grid[:streams].astype(np.int64))
    for stage in range(streams):
        for relation in RELATIONS:
            if relation == "below" and stage == 0:
                continue
            table = SHARE * information(*_pairs(grid, stage, relation, ends), tables.vocab)
            tables.fill(stage, relation, table)


def information(given: Tensor, said: Tensor, vocab: int) -> Tensor:
    """log P(said | given) − log P(said), [vocab, vocab], from pairs of codes [N]."""
    counts = torch.bincount(given * vocab + said, minlength=vocab * vocab).view(vocab, vocab).float()
    alone = counts.sum(0) + 0.02
    alone = alone / alone.sum()
    total = counts.sum(1, keepdim=True) + SMOOTHING
    return ((counts + SMOOTHING * alone) / total).log() - alone.log()


def _pairs(grid: Tensor, stage: int, relation: str, ends: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (neighbour, code) within a clip; `ends` are the frames where another clip begins."""
    if relation == "below":
        return grid[stage - 1], grid[stage]
    lag = 2 if relation.endswith("2") else 1
    early, late = grid[stage, :-lag], grid[stage, lag:]
    inside = torch.ones(len(early), dtype=torch.bool)
    for back in range(1, lag + 1):
        inside[(ends - back).clamp(max=len(early) - 1)] = False
    early, late = early[inside], late[inside]
    return (early, late) if relation.startswith("before") else (late, early)
