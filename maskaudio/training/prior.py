"""First lesson of a text → sound model: which codes a text's sounds are made of, wherever they stand.

A masked transformer trained on a few clips a step hardly finds out what its text is for: what it sees of a
clip says more. Learned on its own, from whole clips and many texts a step, the text encoder does, and the
transformer adds to what the text already says (`Condition.prior`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from maskaudio.networks.sound import SoundNetwork
from maskaudio.training.batches import SoundTask
from maskaudio.training.recipe import Phase


class PriorLoss(nn.Module):
    """Cross-entropy of all codes of a clip under the prior of its text."""

    def __init__(self, network: SoundNetwork):
        super().__init__()
        self.text, self.prior = network.text, network.transformer.prior
        self.grid = (network.transformer.streams, network.transformer.vocab)

    def forward(self, codes: Tensor, text: Tensor, text_valid: Tensor, dropped: Tensor) -> dict[str, Tensor]:
        """codes [B, K, T]; text embeddings → mean loss, and that of every stream."""
        memory, valid = self.text(text, text_valid)
        memory, _ = self.text.drop(memory, valid, dropped)
        scores = self.prior(memory[:, 0]).unflatten(-1, self.grid).float().log_softmax(-1)
        loss = -scores.gather(2, codes).mean((0, 2))
        return {"loss": loss.mean()} | {f"stage{k}": x for k, x in enumerate(loss)}


@dataclass(frozen=True)
class PriorTask:
    """Whole stretches of clips, nothing masked."""

    sounds: SoundTask
    phase: Phase

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.sounds.seed, 3, step, rank])
        codes, texts = self.sounds.clips(self.phase.batch, self._frames(), rng)
        return self.sounds.asked(texts, rng) | {"codes": codes}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy in nats of every stream given the text alone."""
        codes, texts = self.sounds.fitted(len(self.sounds.valid.clips), self._frames())
        device = next(module.parameters()).device
        batch = self.sounds.asked(texts, None) | {"codes": codes}
        with torch.no_grad():
            return {k: float(x) for k, x in module(**{k: v.to(device) for k, v in batch.items()}).items()}

    def show(self, module: nn.Module, folder: Path) -> None:
        """Codes without order are nothing to hear."""

    def _frames(self) -> int:
        return round(self.phase.seconds * self.sounds.codec.frame_rate)
