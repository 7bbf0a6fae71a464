"""MaskGCT's acoustic codec (arXiv 2409.00750, section 3.2.3), under the names of Amphion's release."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.codec.factorised import FactorisedRVQ, NormedConv1d
from maskaudio.codec.vocos import Vocos

DILATIONS = (1, 3, 9)  # of the residual units of a block


@dataclass(frozen=True)
class AcousticCodecConfig:
    """Shape of the codec: an encoder of `dim` channels, twice as many after every stride, and a Vocos."""

    sample_rate: int = 24000
    dim: int = 96
    strides: tuple[int, ...] = (3, 4, 5, 8)
    latent: int = 256
    streams: int = 12
    vocab: int = 1024
    code_dim: int = 8
    vocoder_dim: int = 512
    vocoder_hidden: int = 4096
    vocoder_layers: int = 30
    n_fft: int = 1920
    hop: int = 480


class AcousticCodec(nn.Module):
    """wave [B, 1, N] ⇄ codes [B, K, T], 50 frames a second; stream k refines k − 1."""

    layout = "residual"

    def __init__(self, config: AcousticCodecConfig):
        super().__init__()
        c = self.config = config
        self.name, self.hash = "", ""  # known when weights are loaded
        self.frame = math.prod(c.strides)  # samples
        self.sample_rate, self.frame_rate = c.sample_rate, c.sample_rate / self.frame
        self.streams, self.vocab = c.streams, c.vocab
        self.encoder = AcousticEncoder(c.dim, c.strides, c.latent)
        self.quantizer = FactorisedRVQ(c.streams, c.vocab, c.latent, c.code_dim)
        self.model = Vocos(c.latent, c.vocoder_dim, c.vocoder_hidden, c.vocoder_layers, c.n_fft, c.hop)

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] in [-1, 1] at `sample_rate` → codes [B, K, T] int64 (the end is zero-padded)."""
        return self.whole_frames(F.pad(wave, (0, -wave.shape[-1] % self.frame)))

    def whole_frames(self, wave: Tensor) -> Tensor:
        """The same as published: an end that fills no frame is left out."""
        return self.quantizer.codes(self.encoder(wave))

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ K streams → wave [B, 1, T·hop]."""
        return self.model(self.quantizer.lookup(codes))[:, None]

    def values(self) -> Tensor:
        """The vectors that codes stand for, [K, vocab, latent]."""
        return self.quantizer.values()


class AcousticEncoder(nn.Module):
    """wave [B, 1, N] → [B, latent, T], T = N / the product of `strides` where it divides N."""

    def __init__(self, dim: int, strides: tuple[int, ...], latent: int):
        super().__init__()
        blocks = [DownBlock(dim * 2**i, stride) for i, stride in enumerate(strides)]
        widest = dim * 2 ** len(strides)
        ends = NormedConv1d(1, dim, 7, padding=3), NormedConv1d(widest, latent, 3, padding=1)
        self.block = nn.Sequential(ends[0], *blocks, Snake(widest), ends[1])

    def forward(self, wave: Tensor) -> Tensor:
        return self.block(wave)


class DownBlock(nn.Module):
    """x [B, dim, L] → [B, 2·dim, about L / stride]."""

    def __init__(self, dim: int, stride: int):
        super().__init__()
        units = [ResidualUnit(dim, dilation) for dilation in DILATIONS]
        down = NormedConv1d(dim, 2 * dim, 2 * stride, stride=stride, padding=math.ceil(stride / 2))
        self.block = nn.Sequential(*units, Snake(dim), down)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class ResidualUnit(nn.Module):
    """x + conv(snake(conv(snake(x)))), [B, dim, L]."""

    def __init__(self, dim: int, dilation: int):
        super().__init__()
        wide = NormedConv1d(dim, dim, 7, padding=3 * dilation, dilation=dilation)
        self.block = nn.Sequential(Snake(dim), wide, Snake(dim), NormedConv1d(dim, dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class Snake(nn.Module):
    """x + sin²(αx) / α with an α for each channel (arXiv 2006.08195)."""

    def __init__(self, dim: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.alpha * x).sin().square() / (self.alpha + 1e-9)
