"""Grouped finite scalar quantiser: K streams without a codebook to collapse."""

import math

import torch
from torch import Tensor, nn


class GroupedFSQ(nn.Module):
    """Finite scalar quantisation (Mentzer et al. 2023, section 3) in K groups, coarse to fine.

    A latent [B, T, K·D] is cut in K groups of D = len(levels) numbers. Each number is bounded and
    rounded to `levels[d]` values, so a group is one code of prod(levels) entries. In training a
    random half of the items keeps only its first j groups (nested dropout): the first stream learns to
    be the coarse one, and decoding any prefix of the streams is a blurred version of all. Without
    `nested` all groups are always there.
    """

    def __init__(self, levels: tuple[int, ...], streams: int, nested: bool = True):
        super().__init__()
        self.streams, self.width, self.nested = streams, len(levels), nested
        self.entries = math.prod(levels)
        sizes = torch.tensor(levels, dtype=torch.float32)
        self.register_buffer("levels", sizes, persistent=False)
        strides = torch.cumprod(torch.tensor((1, *levels[:-1])), 0)
        self.register_buffer("strides", strides, persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        """Quantise with a straight-through gradient: [B, T, K·D] → the same shape, values in [-1, 1]."""
        quantised = self._round(self._bound(latent))
        if self.training and self.nested:
            keep = self._kept_streams(latent.shape[0], latent.device)
            quantised = self._split(quantised) * keep[:, None, :, None]
            quantised = quantised.flatten(2)
        return quantised

    def bounded(self, latent: Tensor) -> Tensor:
        """What would be rounded: [B, T, K·D] → the same shape, values in about [-1, 1]."""
        return self._bound(latent) / torch.div(self.levels, 2, rounding_mode="floor").repeat(self.streams)

    def codes(self, latent: Tensor) -> Tensor:
        """latent [B, T, K·D] → codes [B, K, T] int64 in [0, entries)."""
        values = self._split(self._round(self._bound(latent)))
        half = torch.div(self.levels, 2, rounding_mode="floor")
        digits = (values * half + half).round().long()
        return (digits * self.strides).sum(-1).transpose(1, 2)

    def lookup(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ K → quantised values [B, T, K·D]; absent streams are zero."""
        half = torch.div(self.levels, 2, rounding_mode="floor")
        digits = codes.transpose(1, 2)[..., None] // self.strides % self.levels.long()
        values = ((digits - half) / half).flatten(2)
        missing = (self.streams - codes.shape[1]) * self.width
        return torch.nn.functional.pad(values, (0, missing))

    def entry_values(self) -> Tensor:
        """The numbers that each code of a stream stands for, [entries, D] in [-1, 1]."""
        codes = torch.arange(self.entries, device=self.strides.device)
        return self.lookup(codes[None, None])[0, :, : self.width]

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (-1, self.width)) if values.dim() == 3 else values

    def _bound(self, latent: Tensor) -> Tensor:
        # FSQ eq. 3: tanh squeezed so that rounding gives exactly `levels` values, shifted for even counts
        latent = self._split(latent.float())
        half = (self.levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        shift = (offset / half).atanh()
        return ((latent + shift).tanh() * half - offset).flatten(2)

    def _round(self, bounded: Tensor) -> Tensor:
        half = torch.div(self.levels, 2, rounding_mode="floor").repeat(self.streams)
        return (bounded + (bounded.round() - bounded).detach()) / half

    def _kept_streams(self, batch: int, device: torch.device) -> Tensor:
        count = torch.randint(1, self.streams + 1, (batch, 1), device=device)
        count = torch.where(torch.rand(batch, 1, device=device) < 0.5, count, self.streams)
        return (torch.arange(self.streams, device=device) < count).float()
