"""Log-mel → waveform: magnitudes by ConvNeXt, from a pseudo-inverse prior (FreeV), phases by Griffin-Lim."""

import torch
from torch import Tensor, nn

from maskaudio.codec.harmonics import Harmonics, comb_details
from maskaudio.codec.mel import FLOOR, mel_filters
from maskaudio.codec.stft import GriffinLim
from maskaudio.networks.convnext import ConvNeXt


class Vocoder(nn.Module):
    """Log-mel [B, n_mels, F] → wave [B, F·hop].

    The mel filters' pseudo-inverse already gives a rough log-magnitude (FreeV, arXiv 2406.08196); the
    network says what is missing from it. Phases are found, not learned: from true magnitudes they come out
    as good as the original, and learning them takes days against an adversary.
    """

    def __init__(
        self, sample_rate: int, n_fft: int, hop: int, n_mels: int, dim: int, layers: int, iterations: int
    ):
        super().__init__()
        bins = n_fft // 2 + 1
        self.phases = GriffinLim(n_fft, hop, iterations)
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.norm = nn.LayerNorm(dim)
        self.trunk = ConvNeXt(dim, layers)
        self.gain = nn.Linear(dim, bins)
        nn.init.normal_(self.gain.weight, std=1e-3)
        self.harmonics = Harmonics(dim, comb_details(sample_rate, n_fft))
        inverse = torch.linalg.pinv(mel_filters(sample_rate, n_fft, n_mels).double()).float()
        self.register_buffer("inverse_mel", inverse, persistent=False)  # [n_mels, bins]

    def forward(self, mel: Tensor) -> Tensor:
        magnitude, _ = self.log_magnitude(mel)
        return self.phases(magnitude.clamp(max=9.0).exp().transpose(1, 2))

    def log_magnitude(self, mel: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log-mel [B, n_mels, F] → natural-log magnitudes [B, F, bins] and pitch logits [B, F, pitches].

        known: see `Harmonics`.
        """
        x = self.trunk(self.norm(self.embed(mel / 4).transpose(1, 2)))
        added, pitch = self.harmonics(x, known)
        with torch.autocast(mel.device.type, enabled=False):  # its terms cancel: bf16 would leave noise
            prior = (mel.float().exp().transpose(1, 2) @ self.inverse_mel).clamp(min=FLOOR / 10).log()
        return prior + self.gain(x).float() + added, pitch
