"""Where a span is chosen: the schedule and the arithmetic shared by training masks and decoding.

A span is a run of `length` adjacent frames on a fixed grid (MAGNeT, section 3.1). The last span of a
clip may stick out beyond its end: frames are padded, never trimmed.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SCHEDULES = {
    "cosine": lambda done: math.cos(math.pi / 2 * done),
    "arccos": lambda done: math.acos(done) / (math.pi / 2),
    "linear": lambda done: 1.0 - done,
}


def masked_share(schedule: str, done: float) -> float:
    """Share of spans still masked after the share `done` (0 to 1) of the steps: 1 at 0, 0 at 1."""
    return max(0.0, min(1.0, SCHEDULES[schedule](done))) if done < 1 else 0.0


def span_length(frame_rate: float, milliseconds: float = 60.0) -> int:
    """Frames in a span of about 60 ms, at least one."""
    return max(1, round(milliseconds / 1000 * frame_rate))


def span_count(frames: int, length: int) -> int:
    """Spans that cover `frames` frames."""
    return -(-frames // length)


def hide(confidence: Tensor, count: Tensor, length: int, frames: int) -> Tensor:
    """Mask the `count` least confident spans of every clip.

    confidence [B, S] (+inf = never masked), count [B] → bool [B, frames], True = masked. Fewer than
    `count` spans are masked where fewer are below +inf.
    """
    order = confidence.argsort(dim=1, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(order.shape[1]).expand_as(order))
    chosen = (rank < count[:, None]) & (confidence < math.inf)
    return chosen.repeat_interleave(length, dim=1)[:, :frames]


def span_confidence(cells: Tensor, unknown: Tensor, length: int) -> Tensor:
    """Confidence of every span: the best of its unknown cells; +inf where nothing is unknown.

    cells [B, T] (any order-preserving confidence), unknown bool [B, T] → [B, S].
    """
    cells = cells.masked_fill(~unknown, -math.inf)
    padding = -cells.shape[1] % length
    cells = F.pad(cells, (0, padding), value=-math.inf)
    best = cells.unflatten(1, (-1, length)).amax(-1)
    return best.masked_fill(best == -math.inf, math.inf)


def span_sum(cells: Tensor, unknown: Tensor, length: int) -> Tensor:
    """The sum over the unknown cells of every span; +inf where nothing is unknown: [B, T] → [B, S]."""
    padding = -cells.shape[1] % length
    total = F.pad(cells.masked_fill(~unknown, 0.0), (0, padding)).unflatten(1, (-1, length)).sum(-1)
    some = F.pad(unknown, (0, padding)).unflatten(1, (-1, length)).any(-1)
    return total.masked_fill(~some, math.inf)


def least_probable_spans(doubt: Tensor, target: int, length: int) -> Tensor:
    """Mask about `target` frames by the spans of the greatest summed doubt, wherever they begin: bool [T].

    doubt [T], −log p of every frame. MAGNeT's span masking with stride 1: how many spans it takes, they may
    overlap, is found by bisection, which does as audiocraft does and may stop beside the best number.
    """
    spans = doubt.unfold(0, length, 1).sum(-1).argsort(descending=True)

    def masked(count: int) -> Tensor:
        mask = torch.zeros(len(doubt), dtype=torch.bool, device=doubt.device)
        for offset in range(length):
            mask[spans[:count] + offset] = True
        return mask

    target = max(target, length)
    low, high = target // length, target - length + 1
    middle = round((low + high) / 2)
    mask = masked(middle)
    while low < middle < high:
        mask = masked(middle)
        if mask.sum() > target:
            high = middle
        else:
            low = middle
        middle = round((low + high) / 2)
    return mask


def training_mask(share: Tensor, frames: int, length: int, generator: torch.Generator) -> Tensor:
    """A random mask as decoding meets it: `share` [B] of the spans, at least one → bool [B, frames]."""
    spans = span_count(frames, length)
    random = torch.rand(share.shape[0], spans, generator=generator)
    count = (share * spans).ceil().clamp(1, spans)
    return hide(random, count, length, frames)
