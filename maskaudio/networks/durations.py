"""From units of speech to frames: how long each unit lasts, and which frames it covers."""

import torch
from torch import Tensor, nn

SHORTEST = 0.2  # frames; keeps logarithms of durations finite


class DurationPredictor(nn.Module):
    """Features of units [B, n, dim] → frames each lasts at a pace of 1, [B, n]."""

    def __init__(self, dim: int):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 1))
        nn.init.zeros_(self.head[2].weight)
        nn.init.constant_(self.head[2].bias, 0.8)  # two frames: about what a phone lasts

    def forward(self, features: Tensor) -> Tensor:
        return (self._lengthened(features) - SHORTEST).clamp(min=0.0)

    def loss(self, features: Tensor, durations: Tensor, valid: Tensor) -> Tensor:
        """Mean distance in logarithms, and of whole clips so that their length comes out right."""
        told, true = self._lengthened(features), durations + SHORTEST
        single = ((told.log() - true.log()).abs() * valid).sum() / valid.sum()
        whole = ((told * valid).sum(1).log() - (true * valid).sum(1).log()).abs().mean()
        return single + whole

    def _lengthened(self, features: Tensor) -> Tensor:
        return self.head(features)[..., 0].float().clamp(-3, 5).exp()


def spread(durations: Tensor, frames: int) -> Tensor:
    """The share that each unit has in each frame: durations [B, n] in frames → [B, frames, n].

    Rows sum to 1; frames after the last unit belong to the last one that lasts. However short a unit is, some
    frame holds a part of it.
    """
    ends = durations.cumsum(1)
    starts = ends - durations
    at = torch.arange(frames, device=durations.device, dtype=durations.dtype)[:, None]
    at = torch.minimum(at, (ends[:, -1] - 0.5).clamp(min=0.0)[:, None, None])
    overlap = (torch.minimum(ends[:, None], at + 1) - torch.maximum(starts[:, None], at)).clamp(min=0.0)
    return overlap / overlap.sum(-1, keepdim=True).clamp(min=1e-6)


def progress(durations: Tensor, share: Tensor) -> Tensor:
    """How far the units of each frame have come at its middle, 0 to 1: [B, n], shares [B, T, n] → [B, T]."""
    starts = durations.cumsum(1) - durations
    middle = torch.arange(share.shape[1], device=share.device)[:, None] + 0.5
    done = ((middle - starts[:, None]) / durations.clamp(min=1e-3)[:, None]).clamp(0.0, 1.0)
    return (share * done).sum(-1)
