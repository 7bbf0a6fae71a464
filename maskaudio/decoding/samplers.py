"""Drawing tokens: temperature, top-p, and one float64 uniform per cell from the clip's own generator."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Chance:
    """Where the chance of a decode comes from: a generator per clip, so that neighbours do not matter.

    lengths: the frames that are each clip's own, where some are longer. Tests replay recorded noise instead.
    """

    def __init__(self, seeds: list[int], lengths: list[int] | None = None):
        self.generators = [generator(seed) for seed in seeds]
        self.lengths = lengths

    def tokens(self, p: Tensor, cells: Tensor) -> Tensor:
        """Draw from p [n, S, V], the rows of the frames `cells` (bool [B, T]): tokens [n, S]."""
        chance = uniforms((p.shape[1], cells.shape[1]), self.generators, self.lengths)
        return draw(p, chance.transpose(1, 2)[cells])

    def gumbel(self, count: int, own: list[int] | None = None) -> Tensor:
        """Gumbel noise [B, count] for ranking spans; own: how many are each clip's."""
        return gumbel(uniforms((count,), self.generators, own))


def probabilities(logits: Tensor, temperature: float, top_p: float = 1.0, top_k: int = 0) -> Tensor:
    """logits [..., V] → probabilities [..., V] in float64 after temperature and truncation.

    top_k: only the likeliest so many (0: all); top_p: of these the likeliest of this total share.
    """
    p = (logits.double() / max(temperature, 1e-3)).softmax(-1)
    if 0 < top_k < p.shape[-1]:
        p = p.masked_fill(p < p.topk(top_k).values[..., -1:], 0.0)
        p = p / p.sum(-1, keepdim=True)
    if top_p >= 1.0:
        return p
    ordered, index = p.sort(-1, descending=True)
    # keep the smallest set whose mass reaches top_p: a token goes if those before it already do
    ordered[ordered.cumsum(-1) - ordered >= top_p] = 0.0
    p = torch.zeros_like(p).scatter_(-1, index, ordered)
    return p / p.sum(-1, keepdim=True)


def draw(p: Tensor, uniform: Tensor) -> Tensor:
    """Inverse-CDF sampling: p [..., V], uniform [...] in [0, 1) → token [...]; none of probability 0."""
    cdf = p.cumsum(-1)
    cdf = cdf / cdf[..., -1:]
    return torch.searchsorted(cdf, uniform[..., None], right=True)[..., 0].clamp(max=p.shape[-1] - 1)


def nearest(p: Tensor, values: Tensor) -> Tensor:
    """The code nearest to the mean value: p [n, S, V], values [S, V, D] → token [n, S]."""
    values = values.to(p.dtype)
    mean = torch.einsum("nsv,svd->snd", p, values)
    return torch.cdist(mean, values).argmin(-1).T


def generator(seed: int) -> torch.Generator:
    """Chance by a seed of 0 to 2^63 − 1. torch's own generator heeds the low 32 bits only."""
    if seed >= 2**32:
        seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return torch.Generator().manual_seed(seed)


def uniforms(
    shape: tuple[int, ...], generators: list[torch.Generator], lengths: list[int] | None = None
) -> Tensor:
    """Float64 uniforms [B, *shape] in [0, 1), item b from generators[b]: neighbours do not matter.

    lengths: how much of the last dimension is each item's own; the rest is 0 and takes nothing of its chance.
    """
    *before, whole = shape or (1,)
    rows = [
        F.pad(torch.rand((*before, n), dtype=torch.float64, generator=g), (0, whole - n))
        for g, n in zip(generators, lengths or [whole] * len(generators), strict=True)
    ]
    return torch.stack(rows).view(len(generators), *shape)


def gumbel(uniform: Tensor) -> Tensor:
    """Standard Gumbel noise from uniforms; both ends of [0, 1) stay finite."""
    return -(-uniform.clamp(min=2.0**-60, max=1 - 2.0**-53).log()).log()
