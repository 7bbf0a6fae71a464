"""Vocos (arXiv 2306.00814): a stack of ConvNeXt blocks, and a head that writes a spectrum.

Unlike our own ConvNeXt (networks/convnext.py) with the names and layout of the published weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.codec.stft import InverseSTFT

EPSILON = 1e-6  # of layer norms
LOUDEST = 100.0  # magnitude


class Vocos(nn.Module):
    """Features [B, channels, T] → wave [B, T·hop]."""

    def __init__(self, channels: int, dim: int, hidden: int, layers: int, n_fft: int, hop: int):
        super().__init__()
        self.backbone = VocosBackbone(channels, dim, hidden, layers)
        self.head = SpectrumHead(dim, n_fft, hop)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


class VocosBackbone(nn.Module):
    """x [B, channels, T] → [B, T, dim]."""

    def __init__(self, channels: int, dim: int, hidden: int, layers: int):
        super().__init__()
        self.embed = nn.Conv1d(channels, dim, 7, padding=3)
        self.norm = nn.LayerNorm(dim, EPSILON)
        self.convnext = nn.ModuleList(Block(dim, hidden, 1.0 / layers) for _ in range(layers))
        self.final_layer_norm = nn.LayerNorm(dim, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.embed(x).transpose(1, 2))
        for block in self.convnext:
            x = block(x)
        return self.final_layer_norm(x)


class Block(nn.Module):
    """x + gamma · pointwise(gelu(pointwise(norm(depthwise(x))))), [B, T, dim], depthwise kernel 7."""

    def __init__(self, dim: int, hidden: int, scale: float):
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, EPSILON)
        self.pwconv1 = nn.Linear(dim, hidden)
        self.pwconv2 = nn.Linear(hidden, dim)
        self.gamma = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))


class SpectrumHead(nn.Module):
    """Features [B, T, dim] → wave [B, T·hop], by log-magnitudes and phases of every frame."""

    def __init__(self, dim: int, n_fft: int, hop: int):
        super().__init__()
        self.out = nn.Linear(dim, n_fft + 2)
        self.istft = InverseSTFT(n_fft, hop)
        self.istft.register_buffer("window", self.istft.window)  # published among the weights

    def forward(self, x: Tensor) -> Tensor:
        magnitude, phase = self.out(x).transpose(1, 2).float().chunk(2, 1)
        return self.istft(torch.polar(magnitude.exp().clamp(max=LOUDEST), phase))
