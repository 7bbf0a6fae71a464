"""A late lesson of a text → sound model: which codes of a filled grid it has made up itself (`--critic`)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.decoding.samplers import draw, probabilities
from maskaudio.networks.sound import SoundNetwork
from maskaudio.training.batches import LENGTHS, SoundTask


class CriticLoss(nn.Module):
    """Draw what is masked, then ask of every frame whether its code is the true one (arXiv 2209.04439).

    Only the critic's head learns; the network it stands on stays as it is.
    """

    def __init__(self, network: SoundNetwork):
        super().__init__()
        network.requires_grad_(False)
        network.transformer.critic.requires_grad_(True)
        self.network = network

    def train(self, mode: bool = True) -> "CriticLoss":
        """Nothing in it is ever in training mode: what is judged is the network as it decodes."""
        return super().train(False)

    def forward(
        self,
        codes: Tensor,
        target: Tensor,
        scored: Tensor,
        text: Tensor,
        text_valid: Tensor,
        dropped: Tensor,
        stage: Tensor,
        uniform: Tensor,
        temperature: Tensor,
        **_: Tensor,
    ) -> dict[str, Tensor]:
        """As SoundLoss takes them; uniform [B, T] in [0, 1) and a temperature are for the drawing."""
        k, transformer = int(stage), self.network.transformer
        with torch.no_grad():
            condition = self.network.condition(text, text_valid, dropped)
            p = probabilities(transformer.score(codes, k, condition, scored)[:, 0].cpu(), float(temperature))
            filled = codes.clone()
            filled[:, k][scored] = draw(p, uniform[scored].cpu().double()).to(codes.device)
        said = transformer.genuine(filled, k, condition).float()
        true = (filled[:, k] == target[:, 0]).float()
        loss = F.binary_cross_entropy_with_logits(said, true)
        return {"loss": loss, "right": ((said > 0) == (true > 0.5)).float().mean(), "true": true.mean()}


@dataclass(frozen=True)
class CriticTask:
    """The masked batches of a sound task, and the chance they are filled by."""

    sounds: SoundTask

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.sounds.seed, 5, step, rank])
        frames = int(rng.choice(LENGTHS))
        clean, texts = self.sounds.clips(max(1, self.sounds.frames // frames), frames, rng)
        return self._with_chance(clean, int(rng.integers(self.sounds.streams)), texts, rng)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Loss, share of right answers and share of true codes, over all stages."""
        device, streams = next(module.parameters()).device, self.sounds.streams
        clean, texts = self.sounds.fitted(48, 100)
        figures: dict[str, float] = {}
        for stage in range(streams):
            batch = self._with_chance(clean, stage, texts, np.random.default_rng(stage))
            with torch.no_grad():
                for name, value in module(**{k: v.to(device) for k, v in batch.items()}).items():
                    figures[name] = figures.get(name, 0.0) + float(value) / streams
        return figures

    def show(self, module: nn.Module, folder: Path) -> None:
        """Doubts are nothing to hear."""

    def _with_chance(
        self, clean: Tensor, stage: int, texts: list[str], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        chance = torch.Generator().manual_seed(int(rng.integers(2**32)))
        batch = self.sounds.masked(clean, stage, texts, rng, chance)
        uniform = torch.rand(batch["scored"].shape, generator=chance)
        return batch | {"uniform": uniform, "temperature": 0.5 + 0.7 * torch.rand((), generator=chance)}
