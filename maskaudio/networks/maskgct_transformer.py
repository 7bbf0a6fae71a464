"""The transformer inside MaskGCT: LLaMA's layers without a causal mask, told the time of a diffusion.

After the paper (arXiv 2409.00750, section 3.2) and Amphion's release of it, whose names its tensors keep.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError
from maskaudio.networks.attention import check_heads, rotary_table, rotate

FLOOR = 1e-6  # under the mean square that a norm divides by
SLOWEST = 1e4  # period of the slowest of the waves that tell the time


@dataclass(frozen=True)
class TimedConfig:
    """Shape of the transformer; feed-forward layers are four times as wide as `dim`."""

    dim: int
    layers: int
    heads: int

    def __post_init__(self) -> None:
        check_heads(self.dim, self.heads)
        if self.layers < 1:
            raise MaskaudioError(f"layers: {self.layers}, there must be one or more")


class TimedTransformer(nn.Module):
    """x [B, L, dim] at the times t [B] (1 = all is masked, 0 = nothing is) → features [B, L, dim]."""

    def __init__(self, config: TimedConfig):
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(TimedLayer(config.dim, config.heads) for _ in range(config.layers))
        self.norm = TimedNorm(config.dim)
        self.diff_step_mlp = _two_layers(config.dim)
        self.cond_mlp = _two_layers(config.dim)  # for whoever embeds the condition

    def forward(self, x: Tensor, t: Tensor, valid: Tensor | None = None, last: int | None = None) -> Tensor:
        """valid: bool [B, L], which rows are an item's own. last: only so many rows at the end are wanted."""
        time = self.diff_step_mlp(waves(t, self.config.dim).to(x.dtype))
        rotary = rotary_table(x.shape[1], self.config.dim // self.config.heads, x.device)
        for layer in self.layers[:-1]:
            x = layer(x, time, rotary, valid)
        x = self.layers[-1](x, time, rotary, valid, last)
        return self.norm(x, time)


class TimedLayer(nn.Module):
    """Self-attention and a gated feed-forward network, each behind a norm that knows the time."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.mlp = GatedFeedForward(dim)
        self.input_layernorm = TimedNorm(dim)
        self.post_attention_layernorm = TimedNorm(dim)

    def forward(
        self, x: Tensor, time: Tensor, rotary: Tensor, valid: Tensor | None = None, last: int | None = None
    ) -> Tensor:
        """x [B, L, dim], time [B, dim]; of the last `last` rows where these are all that is asked for."""
        heard = self.self_attn(self.input_layernorm(x, time), rotary, valid, last)
        x = (x if last is None else x[:, -last:]) + heard
        return x + self.mlp(self.post_attention_layernorm(x, time))


class TimedNorm(nn.Module):
    """RMS norm whose gain is made from the time: x · (W·time + b) / rms(x)."""

    def __init__(self, dim: int):
        super().__init__()
        self.to_weight = nn.Linear(dim, dim)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + FLOOR)
        return self.to_weight(time)[:, None] * x * scale.to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention, everything to everything, [B, L, dim] → [B, L, dim]."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(dim, dim, bias=False) for _ in range(4)
        )

    def forward(self, x: Tensor, rotary: Tensor, valid: Tensor | None, last: int | None) -> Tensor:
        asking = x if last is None else x[:, -last:]
        q, k, v = (
            project(rows).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, rows in ((self.q_proj, asking), (self.k_proj, x), (self.v_proj, x))
        )
        q, k = rotate(q, rotary[:, -asking.shape[1] :]), rotate(k, rotary)
        mask = None if valid is None else valid[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    """down(SiLU(gate(x)) · up(x)) (SwiGLU, arXiv 2002.05202)."""

    def __init__(self, dim: int):
        super().__init__()
        self.gate_proj = nn.Linear(dim, 4 * dim, bias=False)
        self.up_proj = nn.Linear(dim, 4 * dim, bias=False)
        self.down_proj = nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def waves(t: Tensor, dim: int) -> Tensor:
    """Times [B] as sines and cosines [B, dim] of dim / 2 frequencies, 1 down to 1 / SLOWEST."""
    half = dim // 2
    step = math.log(SLOWEST) / max(1, half - 1)
    angle = t.float()[:, None] * torch.exp(-step * torch.arange(half, device=t.device).float())
    return torch.cat([angle.sin(), angle.cos()], -1)


def _two_layers(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, 4 * dim), nn.SiLU(), nn.Linear(4 * dim, dim))
