"""How well codes fit a text: both become vectors, close where they belong together (arXiv 2211.06687)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.networks.convnext import ConvNeXt


@dataclass(frozen=True)
class RankerConfig:
    """Shape of the half that listens; what reads is one matrix on the text encoder's summary."""

    dim: int = 192
    layers: int = 4


class Ranker(nn.Module):
    """Codes [B, K, T] and summaries of texts [B, text_dim] → vectors of length 1, [B, dim]."""

    def __init__(self, config: RankerConfig, streams: int, vocab: int, text_dim: int):
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(vocab + 1, config.dim) for _ in range(streams))
        self.trunk = ConvNeXt(config.dim, config.layers)
        self.heard = nn.Linear(2 * config.dim, config.dim)
        self.read = nn.Linear(text_dim, config.dim)
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # log of the scale of cosines in training

    def of_codes(self, codes: Tensor) -> Tensor:
        """Codes [B, K, T] (masked = vocab) → [B, dim]."""
        x = self.trunk(sum(table(codes[:, k]) for k, table in enumerate(self.embed)))
        return F.normalize(self.heard(torch.cat([x.mean(1), x.amax(1)], -1)), dim=-1)

    def of_text(self, summary: Tensor) -> Tensor:
        """Row 0 of the text encoder's memory [B, text_dim] → [B, dim]."""
        return F.normalize(self.read(summary), dim=-1)
