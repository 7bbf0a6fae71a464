"""Factorised vector quantisers, as MaskGCT's codecs have them: looked up in few dimensions, by angle.

Section 3.1 of the Improved VQGAN (arXiv 2110.04627), on residuals as in DAC (arXiv 2306.06546, section 3.2).
Tensors keep the names of Amphion's release.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FactorisedRVQ(nn.Module):
    """x [B, dim, T] ⇄ codes [B, streams, T]; every stream is for what the ones before left over."""

    def __init__(self, streams: int, entries: int, dim: int, code_dim: int):
        super().__init__()
        self.quantizers = nn.ModuleList(FactorisedVQ(entries, dim, code_dim) for _ in range(streams))

    def codes(self, x: Tensor) -> Tensor:
        """x [B, dim, T] → codes [B, streams, T] int64."""
        codes = []
        for quantizer in self.quantizers:
            codes.append(quantizer.codes(x))
            x = x - quantizer.lookup(codes[-1])
        return torch.stack(codes, 1)

    def lookup(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ streams → the sum of what they stand for, [B, dim, T]."""
        parts = zip(self.quantizers, codes.unbind(1), strict=False)
        return sum(quantizer.lookup(stream) for quantizer, stream in parts)

    def values(self) -> Tensor:
        """What every code stands for, [streams, entries, dim]."""
        entries = torch.arange(len(self.quantizers[0].codebook.weight), device=self.device)[None]
        return torch.stack([quantizer.lookup(entries)[0].T for quantizer in self.quantizers])

    @property
    def device(self) -> torch.device:
        return self.quantizers[0].codebook.weight.device


class FactorisedVQ(nn.Module):
    """x [B, dim, T] ⇄ codes [B, T], by way of `code_dim` dimensions."""

    def __init__(self, entries: int, dim: int, code_dim: int):
        super().__init__()
        self.in_project = NormedConv1d(dim, code_dim, 1)
        self.out_project = NormedConv1d(code_dim, dim, 1)
        self.codebook = nn.Embedding(entries, code_dim)

    def codes(self, x: Tensor) -> Tensor:
        """x [B, dim, T] → codes [B, T] int64: the entries of the nearest directions."""
        latent = self.in_project(x).transpose(1, 2)
        found, book = F.normalize(latent, dim=-1).flatten(0, 1), F.normalize(self.codebook.weight, dim=-1)
        # by |x|² − 2xy + |y|², so that what is nearly a tie falls as in the original
        distance = found.square().sum(1, keepdim=True) - 2 * found @ book.T + book.square().sum(1)
        return distance.argmin(1).view(latent.shape[:2])

    def lookup(self, codes: Tensor) -> Tensor:
        """codes [B, T] → what they stand for, [B, dim, T]; entries count at their own length here."""
        return self.out_project(self.codebook(codes).transpose(1, 2))


class NormedConv1d(nn.Module):
    """A convolution whose weights are directions and lengths (weight normalisation, arXiv 1602.07868)."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
    ):
        super().__init__()
        self.how = {"stride": stride, "padding": padding, "dilation": dilation}
        self.weight_v = nn.Parameter(torch.randn(out, channels, kernel) * (channels * kernel) ** -0.5)
        self.weight_g = nn.Parameter(torch.ones(out, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(self.weight_v, dim=(1, 2), keepdim=True)
        return F.conv1d(x, self.weight_v * (self.weight_g / length), self.bias, **self.how)
