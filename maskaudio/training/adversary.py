"""Small critics of spectrogram pictures: what gives a decoder texture, and its last share of naturalness."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm

from maskaudio.codec.mel import stft_magnitude


class Adversary(nn.Module):
    """Hinge GAN with feature matching, cheap enough for a CPU; one critic for each kind of picture.

    One optimiser trains both sides: the critics see what was made detached, the generator sees the
    critics' weights detached.
    """

    def __init__(self, kinds: int, channels: int = 16):
        super().__init__()
        self.critics = nn.ModuleList(Critic(channels) for _ in range(kinds))

    def forward(self, made: list[Tensor], true: list[Tensor]) -> dict[str, Tensor]:
        """Pictures [B, F, T] of each kind → losses `critic`, `adversary` (the generator's) and `features`."""
        critic = adversary = features = made[0].new_zeros(())
        for judge, a, b in zip(self.critics, made, true, strict=True):
            real, real_features = judge(b)
            fake, _ = judge(a.detach())
            critic = critic + F.relu(1 - real).mean() + F.relu(1 + fake).mean()
            frozen = {name: p.detach() for name, p in judge.named_parameters()}
            fooled, fake_features = functional_call(judge, frozen, (a,))
            adversary = adversary - fooled.mean()
            for x, y in zip(fake_features, real_features, strict=True):
                features = features + F.l1_loss(x, y.detach()) / y.detach().abs().mean().clamp(min=1e-3)
        count = len(self.critics)
        return {
            "critic": critic / count,
            "adversary": adversary / count,
            "features": features / (count * len(real_features)),
        }


class Critic(nn.Module):
    """Convolutions that halve both axes of a picture: a verdict per patch."""

    def __init__(self, channels: int):
        super().__init__()
        widths = [1, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, 5), stride=2, padding=(1, 2)))
            for a, b in itertools.pairwise(widths)
        )
        self.verdict = weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """picture [B, F, T] of about unit size → verdicts [B, 1, F', T'] and the features of every layer."""
        x, features = picture[:, None], []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.verdict(x), features


class SpectrumPictures(nn.Module):
    """wave [B, N] → its log-magnitude spectrograms at several resolutions, as critics like them."""

    def __init__(self, windows: tuple[int, ...] = (512, 1024, 2048)):
        super().__init__()
        self.windows = windows
        for n in windows:
            self.register_buffer(f"window{n}", torch.hann_window(n), persistent=False)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """One picture [B, n // 2 + 1, frames] for each window n."""
        magnitudes = (stft_magnitude(wave, getattr(self, f"window{n}"), n // 4) for n in self.windows)
        return [(m + 1e-2).log() / 3 for m in magnitudes]
