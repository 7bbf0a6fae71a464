"""Attention with rotary positions: full, causal, or limited to a window without a T×T mask."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError

SMALLEST_BLOCK = 32  # frames that ask together: less and products get too small, more and too much is in vain


class SelfAttention(nn.Module):
    """Multi-head self-attention, [B, T, dim] → [B, T, dim]."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(
        self,
        x: Tensor,
        rotary: Tensor,
        window: int | None,
        causal: bool,
        valid: Tensor | None,
        behind: "KeyValues | None" = None,
    ) -> Tensor:
        """`window` limits attention to ±window frames; `valid` [B, T] marks frames to attend to.

        With `behind`, x is the one frame that follows what it holds, and is added to it.
        """
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, rotary), rotate(k, rotary)
        if behind is not None:
            y = F.scaled_dot_product_attention(q, *behind.extended(k, v, window))
        elif window is not None and x.shape[1] > window + 1:
            y = windowed_attention(q, k, v, window, causal, valid)
        elif valid is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        else:
            allowed = valid[:, None, None, :]
            if causal:
                allowed = (
                    allowed & torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
                )
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.out(y.transpose(1, 2).flatten(2))


class KeyValues:
    """What left-to-right decoding keeps of a layer: keys and values [B, heads, n, D] of the frames behind."""

    def __init__(self) -> None:
        self.kept: tuple[Tensor, Tensor] | None = None

    def extended(self, k: Tensor, v: Tensor, window: int | None) -> tuple[Tensor, Tensor]:
        """All of them with one frame more; those over `window` frames behind it are forgotten."""
        if self.kept is not None:
            first = 0 if window is None else max(0, self.kept[0].shape[2] - window)
            k, v = (torch.cat([a[:, :, first:], b], 2) for a, b in zip(self.kept, (k, v), strict=True))
        self.kept = k, v
        return k, v


class CrossAttention(nn.Module):
    """Frames ask, the condition answers; its keys and values are computed once per request."""

    def __init__(self, dim: int, heads: int, condition_dim: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.memory = nn.Linear(condition_dim, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def keys_values(self, condition: Tensor) -> Tensor:
        """condition [B, L, condition_dim] → [2, B, heads, L, dim / heads]."""
        return self.memory(condition).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, keys_values: Tensor, valid: Tensor) -> Tensor:
        """x [B, T, dim], valid bool [B, L] → [B, T, dim]."""
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = keys_values
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
        return self.out(y.transpose(1, 2).flatten(2))


def windowed_attention(
    q: Tensor, k: Tensor, v: Tensor, window: int, causal: bool = False, valid: Tensor | None = None
) -> Tensor:
    """Attention of frame i to frames i − window … i + window (… i if causal), block by block.

    q, k, v [B, H, T, D] → [B, H, T, D]. Cost and memory grow with T·window, not T².
    """
    batch, _heads, frames, _width = q.shape
    block = min(frames, max(SMALLEST_BLOCK, window))
    short = -frames % block
    blocks = (frames + short) // block
    seen = block + 2 * window

    def blocked(x: Tensor) -> Tensor:  # [B, H, T, D] → [B · blocks, H, seen, D]
        parts = F.pad(x, (0, 0, window, window + short)).unfold(2, seen, block)
        return parts.permute(0, 2, 1, 4, 3).flatten(0, 1)

    asking = F.pad(q, (0, 0, 0, short)).unflatten(2, (blocks, block)).transpose(1, 2).flatten(0, 1)
    at = torch.arange(block, device=q.device)[:, None]
    to = torch.arange(seen, device=q.device)[None, :] - window
    near = (to - at).abs() <= window
    if causal:
        near &= to <= at
    place = torch.arange(blocks, device=q.device)[:, None, None] * block + to
    allowed = (near & (place >= 0) & (place < frames)).expand(batch, blocks, block, seen)
    if valid is not None:
        allowed = allowed & F.pad(valid, (window, window + short)).unfold(1, seen, block)[:, :, None]
    # a padded query row may see nothing: let it see itself, its output is cut off below
    allowed = (allowed | (to == at)).flatten(0, 1)[:, None]
    y = F.scaled_dot_product_attention(asking, blocked(k), blocked(v), attn_mask=allowed)
    return y.unflatten(0, (batch, blocks)).transpose(1, 2).flatten(2, 3)[:, :, :frames]


def check_heads(dim: int, heads: int) -> None:
    """Raise MaskaudioError where `heads` do not share `dim` in equal, even parts (rotary turns pairs)."""
    if heads < 1 or dim % (2 * heads):
        raise MaskaudioError(f"heads: {heads} do not fit dim: {dim} (it must be a multiple of twice as many)")


def rotary_table(frames: int, width: int, device: torch.device | None = None) -> Tensor:
    """Rotary angles (RoFormer, section 3.2) as [2, frames, width / 2]: cosines and sines."""
    frequency = 10000.0 ** (-torch.arange(0, width, 2, device=device).float() / width)
    angle = torch.arange(frames, device=device).float()[:, None] * frequency
    return torch.stack([angle.cos(), angle.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn the halves of x [..., T, D] by the angles of `rotary_table`."""
    cos, sin = table.to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
