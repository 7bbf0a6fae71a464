"""Spectra of voiced sounds: combs, chosen by pitch, over what a network says of them.

Where harmonics lie follows from the pitch, but a linear layer has to learn it for every pitch anew, and says
their mean where it is unsure; a choice among combs does neither. The mel decoder needs them for the low
bands, the vocoder for what is finer than a band.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.codec.mel import mel_filters

SMOOTH = 49  # bins of a spectrum; what is finer is detail
SMOOTH_MEL = 15  # bands
SURE = 4.0  # one pitch, even if a wrong one: the mean of two combs is none


class Harmonics(nn.Module):
    """Features [B, F, dim] → what harmonics add to log-magnitudes [B, F, bins], and logits of the pitch.

    templates [pitches, bins]: where they are learned from.
    """

    def __init__(self, dim: int, templates: Tensor, bands: int = 16):
        super().__init__()
        self.templates = nn.Parameter(templates)
        self.pick = nn.Linear(dim, len(self.templates))
        self.depth = nn.Linear(dim, bands)  # how voiced, from low to high frequencies
        nn.init.normal_(self.depth.weight, std=1e-2)
        nn.init.constant_(self.depth.bias, 0.2)

    def forward(self, x: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """known [B, F, pitches]: the logits in frames where they need not be guessed, 0 in the others."""
        pitch = self.pick(x).float()
        depth = F.interpolate(self.depth(x).float(), size=self.templates.shape[1], mode="linear")
        sure = pitch if known is None else torch.where(known.any(-1, keepdim=True), known, pitch)
        return depth * ((SURE * sure).softmax(-1) @ self.templates), pitch


def comb_details(sample_rate: int, n_fft: int) -> Tensor:
    """What harmonics add to log-magnitudes, [pitches, n_fft // 2 + 1]."""
    return detail(combs(sample_rate, n_fft).log())


def mel_comb_details(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """What harmonics add to log-mels, [pitches, n_mels]; nearly nothing in bands wider than the pitch."""
    mel = combs(sample_rate, n_fft) @ mel_filters(sample_rate, n_fft, n_mels)
    return detail(mel.log(), SMOOTH_MEL)


def combs(
    sample_rate: int, n_fft: int, count: int = 256, lowest: float = 65.0, highest: float = 600.0
) -> Tensor:
    """Magnitudes of harmonic sounds, [count, n_fft // 2 + 1], pitches evenly in log Hz."""
    pitch = lowest * (highest / lowest) ** (torch.arange(count) / (count - 1))
    width = sample_rate / n_fft
    frequency = torch.arange(n_fft // 2 + 1) * width
    harmonic = (frequency / pitch[:, None]).round().clamp(min=1) * pitch[:, None]
    away = (harmonic - frequency).abs() / width
    # as wide as the main lobe of a Hann window
    lobe = torch.where(away < 2, 0.5 + 0.5 * torch.cos(torch.pi * away / 2), 0.0)
    return lobe + 0.05


def detail(log_magnitude: Tensor, smooth: int = SMOOTH) -> Tensor:
    """Log-magnitudes [..., bins] less their mean over the `smooth` bins around."""
    flat = log_magnitude.flatten(0, -2)[:, None]
    mean = F.avg_pool1d(F.pad(flat, (smooth // 2, smooth // 2), mode="reflect"), smooth, 1)
    return log_magnitude - mean[:, 0].view_as(log_magnitude)
