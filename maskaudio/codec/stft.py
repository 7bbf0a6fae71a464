"""Short-time Fourier transforms whose frames are centred on (i + 1/2)·hop: N samples have N / hop frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def stft(wave: Tensor, window: Tensor, hop: int) -> Tensor:
    """wave [B, N] → complex [B, n_fft // 2 + 1, N // hop]."""
    n_fft = window.numel()
    pad = (n_fft - hop) // 2
    wave = F.pad(wave, (pad, n_fft - hop - pad))
    return torch.stft(wave, n_fft, hop, window=window, center=False, return_complex=True)


def stft_magnitude(wave: Tensor, window: Tensor, hop: int) -> Tensor:
    """|STFT| of wave [B, N]: [B, n_fft // 2 + 1, N // hop]."""
    spectrum = stft(wave, window, hop)
    # sqrt(x + tiny), not abs(): the gradient of |0| is undefined
    return (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()


class InverseSTFT(nn.Module):
    """Spectrum [B, n_fft // 2 + 1, F] → wave [B, F·hop], the least-squares inverse of `stft`."""

    def __init__(self, n_fft: int, hop: int):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, spectrum: Tensor, envelope: Tensor | None = None) -> Tensor:
        """`envelope`: that of this number of frames, where it is already known."""
        if envelope is None:
            envelope = self.envelope(spectrum.shape[2])
        frames = torch.fft.irfft(spectrum, self.n_fft, dim=1) * self.window[:, None]
        wave = self._overlap_add(frames)
        pad = (self.n_fft - self.hop) // 2
        length = frames.shape[2] * self.hop
        return (wave / envelope)[:, pad : pad + length]

    def envelope(self, frames: int) -> Tensor:
        """What so many windows, applied twice, weigh every sample with."""
        return self._overlap_add(self.window.square()[:, None].expand(1, -1, frames)).clamp(min=1e-8)

    def _overlap_add(self, frames: Tensor) -> Tensor:
        length = (frames.shape[2] - 1) * self.hop + self.n_fft
        fold = nn.functional.fold(frames, (1, length), (1, self.n_fft), stride=(1, self.hop))
        return fold[:, 0, 0]


class GriffinLim(nn.Module):
    """Magnitudes [B, n_fft // 2 + 1, F] → a wave [B, F·hop] that has them, as nearly as one can.

    The fast variant (Perraudin, Balazs and Søndergaard 2013, momentum 0.99), on these frames. It starts from
    the phases of one fixed noise, so that the same magnitudes always give the same wave.
    """

    def __init__(self, n_fft: int, hop: int, iterations: int, momentum: float = 0.99):
        super().__init__()
        self.iterations, self.momentum = iterations, momentum
        self.inverse = InverseSTFT(n_fft, hop)

    def forward(self, magnitude: Tensor) -> Tensor:
        noise = torch.rand(magnitude.shape[1:], generator=torch.Generator().manual_seed(0))
        angle = (2 * torch.pi * noise).to(magnitude.device)
        guess, last = torch.polar(torch.ones_like(angle), angle), None
        envelope = self.inverse.envelope(magnitude.shape[2])
        wave = self.inverse(magnitude * guess, envelope)
        for _ in range(self.iterations):
            found = stft(wave, self.inverse.window, self.inverse.hop)
            ahead = found if last is None else found + self.momentum * (found - last)
            guess, last = ahead / ahead.abs().clamp(min=1e-9), found
            wave = self.inverse(magnitude * guess, envelope)
        return wave
