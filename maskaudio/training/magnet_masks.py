"""MAGNeT's own training rule (arXiv 2401.04577, section 3.1 and appendix C), as audiocraft 1.3 has it.

Ours masks spans on a fixed grid (decoding/spans.py); here they begin anywhere, and may overlap.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def span_counts(frames: int, length: int) -> Tensor:
    """How many spans mask 0, 1, … 100 percent of `frames`, on average: int64 [101].

    The smallest u with 1 − C(frames − length, u) / C(frames, u) ≥ the share.
    """
    masked, free = [0.0], (frames - length) / frames
    for spans in range(1, frames):
        masked.append(1 - free)
        free *= (frames - length - spans) / (frames - spans)
    shares = torch.tensor([percent / 100 for percent in range(101)], dtype=torch.float64)
    return torch.searchsorted(torch.tensor(masked, dtype=torch.float64), shares)


def spans_mask(share: Tensor, random: Tensor, length: int) -> Tensor:
    """Mask about the share [B] (0 to 1) of frames by spans that `random` [B, T] places: bool [B, T].

    random: uniform numbers. At least one span; what sticks out at the end is cut off.
    """
    if length <= 1:
        count = (random.shape[1] * share).round().clamp(min=1)
    else:
        counts = span_counts(random.shape[1], length).to(share.device)
        count = counts[(100 * share).round().long()].clamp(min=1)
    return spread(random.argsort(dim=-1) < count[:, None], length)


def spread(starts: Tensor, length: int) -> Tensor:
    """Where spans begin, bool [B, T] → where they are."""
    return torch.stack([F.pad(starts, (n, 0))[:, : starts.shape[1]] for n in range(length)]).any(0)


def stage_mask(masked: Tensor, streams: int, stage: int) -> Tensor:
    """What is hidden while `stage` is learnt: `masked` [B, T] of its stream, all of later ones; [B, K, T]."""
    mask = torch.zeros(masked.shape[0], streams, masked.shape[1], dtype=torch.bool, device=masked.device)
    mask[:, stage], mask[:, stage + 1 :] = masked, True
    return mask


def loss(logits: Tensor, codes: Tensor, masked: Tensor) -> Tensor:
    """Cross-entropy of the masked frames of one stream, one mean over the batch.

    logits [B, T, vocab], codes [B, T], masked bool [B, T].
    """
    return F.cross_entropy(logits[masked], codes[masked])
