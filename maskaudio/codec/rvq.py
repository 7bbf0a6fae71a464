"""Residual vector quantiser, for codecs that were trained with one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualVQ(nn.Module):
    """K codebooks, each for what the ones before left over (SoundStream, arXiv 2107.03312, algorithm 1)."""

    def __init__(self, streams: int, entries: int, dim: int):
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(streams, entries, dim))

    def codes(self, latent: Tensor, streams: int) -> Tensor:
        """latent [B, T, dim] → codes [B, streams, T] int64 from the first `streams` codebooks."""
        rest, codes = latent.flatten(0, 1), []
        for book in self.codebooks[:streams]:
            # the nearest entry, by |x|² − 2xy + |y|²; summed in this order, rounding is as in EnCodec
            distance = rest.square().sum(1, keepdim=True) - 2 * rest @ book.T + book.T.square().sum(0)
            nearest = distance.min(dim=-1).indices
            rest = rest - F.embedding(nearest, book)
            codes.append(nearest.view(latent.shape[:2]))
        return torch.stack(codes, dim=1)

    def lookup(self, codes: Tensor) -> Tensor:
        """codes [B, j, T] → the sum of their entries [B, T, dim]."""
        parts = zip(codes.unbind(1), self.codebooks, strict=False)
        return sum(F.embedding(code, book) for code, book in parts)
