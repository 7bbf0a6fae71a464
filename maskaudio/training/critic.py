"""A late lesson of a text → sound model: which codes of a filled grid it has made up itself (`--critic`)."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.decoding.samplers import draw, probabilities
from maskaudio.networks.sound import SoundNetwork
from maskaudio.training.batches import SoundTask


class CriticLoss(nn.Module):
    """Draw what is masked, then ask of every frame whether its code is the true one (arXiv 2209.04439).

    Only the critic's head learns; the network it stands on stays as it is.
    """

    def __init__(self, network: SoundNetwork):
        super().__init__()
        network.requires_grad_(False)
        network.transformer.critic.requires_grad_(True)
        self.network = network

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
            logits = transformer.score(codes, k, condition, scored)
            token = draw(probabilities(logits[:, 0], float(temperature)), uniform[scored].double())
            filled = codes.clone()
            filled[:, k][scored] = token
        said = transformer.genuine(filled, k, condition).float()
        true = (filled[:, k] == target[:, 0]).float()
        own = filled[:, k] < transformer.vocab
        loss = F.binary_cross_entropy_with_logits(said[own], true[own])
        right = ((said > 0) == (true > 0.5))[own].float().mean()
        return {"loss": loss, "right": right, "true": true[own].mean()}


@dataclass(frozen=True)
class CriticTask:
    """The masked batches of a sound task, and the chance they are filled by."""

    sounds: SoundTask

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        again = 0
        while (batch := self.sounds.batch(step + again * 10**7, rank))["causal"]:
            again += 1
        return self._with_chance(batch, step)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Loss, share of right answers and share of true codes on batches that training never sees."""
        device = next(module.parameters()).device
        figures: dict[str, list[float]] = {}
        for i in range(8):
            batch = self.batch(10**6 + i, 0)
            with torch.no_grad():
                for name, value in module(**{k: v.to(device) for k, v in batch.items()}).items():
                    figures.setdefault(name, []).append(float(value))
        return {name: sum(values) / len(values) for name, values in figures.items()}

    def show(self, module: nn.Module, folder: Path) -> None:
        """Doubts are nothing to hear."""

    def _with_chance(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        chance = torch.Generator().manual_seed(step)
        uniform = torch.rand(batch["scored"].shape, generator=chance)
        return batch | {"uniform": uniform, "temperature": 0.5 + 0.7 * torch.rand((), generator=chance)}
