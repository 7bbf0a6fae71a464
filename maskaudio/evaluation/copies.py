"""Is a clip a copy of another? The distance of two spectrograms, aligned in time and in level."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.evaluation.mel import mel_db

RANGE = 60.0  # dB under the loudest cell of a clip that count
HOP = 480


def picture(wave: np.ndarray) -> Tensor:
    """wave [N] at 24 kHz → mel power [32, T] in dB over the clip's own floor (0 … 60)."""
    mel = mel_db(torch.from_numpy(np.asarray(wave, np.float32))[None], hop=HOP, n_mels=32)[0]
    return (mel - mel.max() + RANGE).clamp(min=0.0)


def nearest(query: Tensor, others: list[Tensor], overlap: float = 0.75) -> float:
    """The least `distance` of the picture `query` to any of `others`, in dB."""
    return float(distance(query, others, overlap).min())


def distance(query: Tensor, others: list[Tensor], overlap: float = 0.75) -> Tensor:
    """Root mean square difference in dB of picture [M, T] to each of others [M, U] at its best shift.

    For every shift that leaves at least `overlap` of the shorter one on the other, the mean difference
    (the level) is taken off and the rest averaged over the cells in common; the least counts. All shifts
    at once, as cross-correlations.
    """
    bands, frames = query.shape
    longest = max(o.shape[1] for o in others)
    bank = torch.stack([F.pad(o, (0, longest - o.shape[1])) for o in others])
    inside = torch.zeros(len(others), 1, longest)
    for row, other in zip(inside, others, strict=True):
        row[:, : other.shape[1]] = 1
    q = F.pad(query, (longest - 1, longest - 1))[None]
    here = F.pad(torch.ones(1, 1, frames), (longest - 1, longest - 1))

    def over(a: Tensor, b: Tensor) -> Tensor:
        return F.conv1d(a.double(), b.double())[0]

    cells = over(here, inside) * bands
    sum_q, sum_o = over(q.sum(1, keepdim=True), inside), over(here, bank.sum(1, keepdim=True))
    squares = over(q.square().sum(1, keepdim=True), inside) + over(here, bank.square().sum(1, keepdim=True))
    n = cells.clamp(min=1)
    error = (squares - 2 * over(q, bank)) / n - ((sum_q - sum_o) / n).square()
    shorter = torch.tensor([min(frames, o.shape[1]) for o in others])[:, None]
    error = torch.where(cells >= overlap * shorter * bands, error, torch.inf)
    return error.amin(1).clamp(min=0).sqrt()
