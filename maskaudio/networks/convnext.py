"""ConvNeXt blocks over time (Liu et al. 2022, as used by Vocos): the codec's one building block."""

import torch
from torch import Tensor, nn


class ConvNeXt(nn.Module):
    """A stack of residual blocks, [B, T, dim] → [B, T, dim]."""

    def __init__(self, dim: int, layers: int, expansion: int = 3):
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, dim * expansion, 1.0 / layers) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """x [B, T, dim]; what is not `valid` (bool [B, T]) is as if the item ended before it."""
        for block in self.blocks:
            x = block(x if valid is None else x * valid[..., None])
        return self.norm(x)


class Block(nn.Module):
    """x + scale · pointwise(gelu(pointwise(norm(depthwise(x))))), depthwise kernel 7."""

    def __init__(self, dim: int, hidden: int, scale: float):
        super().__init__()
        # a 2-D convolution of height 1: on [B, T, dim] in memory it is "channels last" and needs no copies
        self.depthwise = nn.Conv2d(dim, dim, (1, 7), padding=(0, 3), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.transpose(1, 2)[:, :, None])[:, :, 0].transpose(1, 2)
        y = self.down(nn.functional.gelu(self.up(self.norm(y))))
        return x + self.scale * y
