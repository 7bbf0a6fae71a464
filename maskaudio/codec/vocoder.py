"""Log-mel → waveform: ConvNeXt and one inverse STFT (Vocos), from a pseudo-inverse prior (FreeV)."""

import torch
from torch import Tensor, nn

from maskaudio.codec.mel import mel_filters
from maskaudio.networks.convnext import ConvNeXt


class Vocoder(nn.Module):
    """Log-mel [B, n_mels, F] → wave [B, F·hop].

    The mel filters' pseudo-inverse already gives a rough log-amplitude (FreeV, arXiv 2406.08196); the
    network predicts what is missing from it, and the phase.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop: int, n_mels: int, dim: int, layers: int):
        super().__init__()
        bins = n_fft // 2 + 1
        self.inverse_stft = InverseSTFT(n_fft, hop)
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.norm = nn.LayerNorm(dim)
        self.trunk = ConvNeXt(dim, layers)
        self.head = nn.Linear(dim, 3 * bins)
        nn.init.normal_(self.head.weight[:bins], std=1e-3)
        inverse = torch.linalg.pinv(mel_filters(sample_rate, n_fft, n_mels).double()).float()
        self.register_buffer("inverse_mel", inverse, persistent=False)  # [n_mels, bins]

    def forward(self, mel: Tensor) -> Tensor:
        x = self.norm(self.embed(mel / 4).transpose(1, 2))
        x = self.head(self.trunk(x)).float()
        gain, real, imag = x.chunk(3, dim=-1)
        with torch.autocast(mel.device.type, enabled=False):  # its terms cancel: bf16 would leave noise
            prior = (mel.float().exp().transpose(1, 2) @ self.inverse_mel).clamp(min=1e-3).log()
        magnitude = (prior + gain).clamp(max=9.0).exp()
        phase = torch.atan2(imag, real + 1e-8)
        spectrum = torch.polar(magnitude, phase).transpose(1, 2)
        return self.inverse_stft(spectrum)


class InverseSTFT(nn.Module):
    """Spectrum [B, n_fft // 2 + 1, F] → wave [B, F·hop], frames centred as in `MelSpectrogram`."""

    def __init__(self, n_fft: int, hop: int):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        frames = torch.fft.irfft(spectrum, self.n_fft, dim=1) * self.window[:, None]
        wave = self._overlap_add(frames)
        envelope = self._overlap_add(self.window.square()[:, None].expand(1, -1, frames.shape[2]))
        pad = (self.n_fft - self.hop) // 2
        length = frames.shape[2] * self.hop
        return (wave / envelope.clamp(min=1e-8))[:, pad : pad + length]

    def _overlap_add(self, frames: Tensor) -> Tensor:
        length = (frames.shape[2] - 1) * self.hop + self.n_fft
        fold = nn.functional.fold(frames, (1, length), (1, self.n_fft), stride=(1, self.hop))
        return fold[:, 0, 0]
