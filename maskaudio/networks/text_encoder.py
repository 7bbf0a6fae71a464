"""Text → what the masked transformer is conditioned on."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskaudio.networks.attention import check_heads, rotary_table
from maskaudio.networks.layer import Layer


@dataclass(frozen=True)
class TextConfig:
    """Shape of the text encoder on top of the frozen table of word-piece embeddings."""

    table_dim: int = 128
    dim: int = 256
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_heads(self.dim, self.heads)


class TextEncoder(nn.Module):
    """Word-piece embeddings [B, L, table_dim] → memory [B, 1 + L, dim]; row 0 sums the text up."""

    def __init__(self, config: TextConfig):
        super().__init__()
        c = self.config = config
        self.embed = nn.Linear(c.table_dim, c.dim)
        self.summary = nn.Parameter(torch.randn(c.dim) * 0.02)
        self.layers = nn.ModuleList(Layer(c.dim, c.heads, c.dropout) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.dim)
        self.nothing = nn.Parameter(torch.randn(c.dim) * 0.02)  # stands for "no text"

    def forward(self, embeddings: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """embeddings [B, L, table_dim], valid bool [B, L] → memory [B, 1 + L, dim] and its valid."""
        x = self.embed(embeddings)
        summary = self.summary + _mean(x, valid)
        x = torch.cat([summary[:, None], x], dim=1)
        valid = torch.cat([valid.new_ones(len(valid), 1), valid], dim=1)
        rotary = rotary_table(x.shape[1], self.config.dim // self.config.heads, x.device)
        for layer in self.layers:
            x = layer(x, rotary, valid=valid)
        return self.norm(x), valid

    def drop(self, memory: Tensor, valid: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
        """Replace the text of the items `dropped` (bool [B]) by "no text": the guidance row."""
        first = torch.zeros_like(valid)
        first[:, 0] = True
        nothing = self.nothing.expand_as(memory)
        return torch.where(dropped[:, None, None], nothing, memory), torch.where(
            dropped[:, None], first, valid
        )


def _mean(x: Tensor, valid: Tensor) -> Tensor:
    weight = valid.to(x.dtype)[..., None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
