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

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.wave(spectrum.transpose(1, 2), self.weight(spectrum.shape[2]))

    def wave(self, spectrum: Tensor, weight: Tensor) -> Tensor:
        """The same of a spectrum [B, F, n_fft // 2 + 1], `weight` being that of F frames."""
        frames = torch.fft.irfft(spectrum, self.n_fft) * self.window
        return overlap_add(frames, self.hop)[:, self._kept(spectrum.shape[1])] * weight

    def weight(self, frames: int) -> Tensor:
        """One over what so many windows, applied twice, weigh every sample with: [1, F·hop]."""
        envelope = overlap_add(self.window.square().expand(1, frames, -1), self.hop)
        return 1.0 / envelope[:, self._kept(frames)].clamp(min=1e-8)

    def _kept(self, frames: int) -> slice:
        pad = (self.n_fft - self.hop) // 2
        return slice(pad, pad + frames * self.hop)


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
        n_fft, hop, window = self.inverse.n_fft, self.inverse.hop, self.inverse.window
        noise = torch.rand(magnitude.shape[1:], generator=torch.Generator().manual_seed(0))
        angle = (2 * torch.pi * noise).to(magnitude.device)
        phase = torch.polar(torch.ones_like(angle), angle).T
        # frames in rows and real numbers throughout: half of the time of complex ones in columns
        magnitude = magnitude.transpose(1, 2).contiguous()  # [B, F, n_fft // 2 + 1]
        weight, last = self.inverse.weight(magnitude.shape[1]), None
        wave = self.inverse.wave(magnitude * phase, weight)
        pad = (n_fft - hop) // 2
        for _ in range(self.iterations):
            rows = F.pad(wave, (pad, n_fft - hop - pad)).unfold(1, n_fft, hop)
            found = torch.view_as_real(torch.fft.rfft(rows * window))
            ahead = found.clone() if last is None else torch.lerp(last, found, 1 + self.momentum)
            last = found
            real, imaginary = ahead.unbind(-1)
            size = torch.addcmul(real * real, imaginary, imaginary).clamp_(min=1e-18)
            ahead *= (magnitude * size.rsqrt_())[..., None]
            wave = self.inverse.wave(torch.view_as_complex(ahead), weight)
        return wave


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """Frames [B, F, n] that start `hop` apart → their sum [B, (F − 1)·hop + n]."""
    batch, count, width = frames.shape
    parts = -(-width // hop)
    pieces = F.pad(frames, (0, parts * hop - width)).unflatten(2, (parts, hop))
    total = frames.new_zeros(batch, count + parts - 1, hop)
    for part in range(parts):
        total[:, part : part + count] += pieces[:, :, part]
    return total.flatten(1)[:, : (count - 1) * hop + width]
