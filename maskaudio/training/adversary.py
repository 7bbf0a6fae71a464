"""Small spectrogram critics: what gives a vocoder its last share of naturalness."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm

from maskaudio.codec.mel import stft_magnitude


class Adversary(nn.Module):
    """Hinge GAN with feature matching over critics at several resolutions, cheap enough for a CPU.

    One optimiser trains both sides: the critics see the made wave detached, the generator sees the
    critics' weights detached.
    """

    def __init__(self, windows: tuple[int, ...] = (512, 1024, 2048), channels: int = 16):
        super().__init__()
        self.critics = nn.ModuleList(Critic(window, channels) for window in windows)

    def forward(self, made: Tensor, true: Tensor) -> dict[str, Tensor]:
        """Waves [B, N] → the losses `critic`, `adversary` (of the generator) and `features`."""
        critic = adversary = features = made.new_zeros(())
        for judge in self.critics:
            real, real_features = judge(true)
            fake, _ = judge(made.detach())
            critic = critic + F.relu(1 - real).mean() + F.relu(1 + fake).mean()
            frozen = {name: p.detach() for name, p in judge.named_parameters()}
            fooled, fake_features = functional_call(judge, frozen, (made,))
            adversary = adversary - fooled.mean()
            for a, b in zip(fake_features, real_features, strict=True):
                features = features + F.l1_loss(a, b.detach()) / b.detach().abs().mean().clamp(min=1e-3)
        count = len(self.critics)
        return {
            "critic": critic / count,
            "adversary": adversary / count,
            "features": features / (count * 3),
        }


class Critic(nn.Module):
    """Convolutions over a log-magnitude spectrogram, halving both axes: a verdict per patch."""

    def __init__(self, window: int, channels: int):
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        widths = [1, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, 5), stride=2, padding=(1, 2)))
            for a, b in itertools.pairwise(widths)
        )
        self.verdict = weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        """wave [B, N] → verdicts [B, 1, F', T'] and the features of every layer."""
        magnitude = stft_magnitude(wave, self.window, self.window.numel() // 4)
        x = ((magnitude + 1e-2).log() / 3)[:, None]
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.verdict(x), features
