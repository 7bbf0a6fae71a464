"""Spectra of voiced sounds: combs, chosen by pitch, over what a mel spectrogram still shows.

The bands of a mel spectrogram are wider than the gaps between a voice's harmonics from about 2 kHz on. Where
they lie follows from the pitch, which the low bands show, but a linear layer has to learn it for every pitch
anew; a choice among combs has not.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMOOTH = 49  # bins; what is finer is detail


class Harmonics(nn.Module):
    """Features [B, F, dim] → what harmonics add to log-magnitudes [B, F, bins], and logits of the pitch."""

    def __init__(self, dim: int, sample_rate: int, n_fft: int, bands: int = 16):
        super().__init__()
        self.templates = nn.Parameter(combs(sample_rate, n_fft))
        self.pick = nn.Linear(dim, len(self.templates))
        self.depth = nn.Linear(dim, bands)  # how voiced, from low to high frequencies
        nn.init.normal_(self.depth.weight, std=1e-2)
        nn.init.constant_(self.depth.bias, 0.2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pitch = self.pick(x).float()
        depth = F.interpolate(self.depth(x).float(), size=self.templates.shape[1], mode="linear")
        return depth * (pitch.softmax(-1) @ self.templates), pitch


def combs(
    sample_rate: int, n_fft: int, count: int = 256, lowest: float = 65.0, highest: float = 600.0
) -> Tensor:
    """Detail of the log-magnitudes of harmonic sounds, [count, n_fft // 2 + 1], pitches evenly in log Hz."""
    pitch = lowest * (highest / lowest) ** (torch.arange(count) / (count - 1))
    width = sample_rate / n_fft
    frequency = torch.arange(n_fft // 2 + 1) * width
    harmonic = (frequency / pitch[:, None]).round().clamp(min=1) * pitch[:, None]
    away = (harmonic - frequency).abs() / width
    # as wide as the main lobe of a Hann window
    lobe = torch.where(away < 2, 0.5 + 0.5 * torch.cos(torch.pi * away / 2), 0.0)
    return detail((lobe + 0.05).log())


def detail(log_magnitude: Tensor) -> Tensor:
    """Log-magnitudes [..., bins] less their mean over the `SMOOTH` bins around."""
    flat = log_magnitude.flatten(0, -2)[:, None]
    smooth = F.avg_pool1d(F.pad(flat, (SMOOTH // 2, SMOOTH // 2), mode="reflect"), SMOOTH, 1)
    return log_magnitude - smooth[:, 0].view_as(log_magnitude)
