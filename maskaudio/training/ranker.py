"""Last lesson of a text → sound model: which of several clips fits a text best (`--candidates`)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.networks.sound import SoundNetwork
from maskaudio.training.batches import SoundTask
from maskaudio.training.recipe import Phase


class RankerLoss(nn.Module):
    """Each clip is to find its text among those of the batch, and each text its clip (CLIP's loss).

    The text encoder is taken as it is: what it knows of words never heard here stays.
    """

    def __init__(self, network: SoundNetwork):
        super().__init__()
        network.requires_grad_(False)
        network.ranker.requires_grad_(True)
        self.network = network

    def train(self, mode: bool = True) -> "RankerLoss":
        """Nothing in it is ever in training mode: texts are read as they are when clips are ranked."""
        return super().train(False)

    def forward(self, codes: Tensor, text: Tensor, text_valid: Tensor, same: Tensor) -> dict[str, Tensor]:
        """codes [B, K, T], text embeddings [B, L, D], same bool [B, B]: whose texts say the same."""
        ranker = self.network.ranker
        with torch.no_grad():
            memory, _ = self.network.text(text, text_valid)
        clips, texts = ranker.of_codes(codes), ranker.of_text(memory[:, 0])
        scores = ranker.sharpness.exp() * (clips @ texts.T).float()
        wanted = same / same.sum(1, keepdim=True)
        loss = (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)) / 2
        right = same.gather(1, scores.argmax(1, keepdim=True)).float().mean()
        return {"loss": loss, "right": right}


@dataclass(frozen=True)
class RankerTask:
    """Clips with their texts; codes are disturbed, as what is made by a model is not what was recorded."""

    sounds: SoundTask
    phase: Phase

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.sounds.seed, 7, step, rank])
        frames = int(self._frames() * rng.uniform(0.25, 1.75))
        codes, texts = self.sounds.clips(self.phase.batch, frames, rng)
        wrong = torch.from_numpy(rng.random(codes.shape) < rng.uniform(0, 0.2, (len(codes), 1, 1)))
        noise = torch.from_numpy(rng.integers(0, self.sounds.vocab, codes.shape))
        codes = torch.where(wrong, noise, codes)
        coarse = torch.from_numpy(rng.random(len(codes)) < 0.3)  # hears only the first stream of some
        codes[coarse, 1:] = self.sounds.vocab
        return self._packed(codes, texts, rng)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Loss, and the share of validation clips that find their text among all of theirs."""
        codes, texts = self.sounds.fitted(len(self.sounds.valid.clips), self._frames())
        device = next(module.parameters()).device
        with torch.no_grad():
            batch = self._packed(codes, texts, None)
            return {k: float(x) for k, x in module(**{k: v.to(device) for k, v in batch.items()}).items()}

    def show(self, module: nn.Module, folder: Path) -> None:
        """Vectors are nothing to hear."""

    def _packed(self, codes: Tensor, texts: list[str], rng: np.random.Generator | None) -> dict[str, Tensor]:
        asked = self.sounds.asked(texts, rng)
        same = torch.tensor([[a == b for b in texts] for a in texts])
        return {"codes": codes, "text": asked["text"], "text_valid": asked["text_valid"], "same": same}

    def _frames(self) -> int:
        return round(self.phase.seconds * self.sounds.codec.frame_rate)
