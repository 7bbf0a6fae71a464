"""What both stages of MaskGCT are to the decode loop: told the time, and guided by a shorter row.

The voice prompt is the revealed beginning of the grid. The unconditional row of guidance does not see it, nor
anything else that stands in front: its positions begin at the first frame to fill.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from maskaudio.networks.guidance import guided

ITEM, BATCH = (1, 2), (0, 1, 2)  # what guidance takes the spread of features over; Amphion: the whole batch


class Stage(nn.Module, ABC):
    """A MaskedModel and TimedModel (decoding/engine.py) of one stream after the other.

    A network of this kind says what the features are and which head scores them. Its conditions have
    `prompt`, how many frames in front are not to be filled.
    """

    vocab: int
    spread = ITEM
    time = 1.0  # what is left of it: 1 in the first step, 1 / steps in the last

    @abstractmethod
    def features(self, codes: Tensor, stage: int, told: Any) -> Tensor:
        """codes [B, K, T] → features of the frames behind the prompt, [B, T − prompt, dim]."""

    @abstractmethod
    def head(self, stage: int) -> nn.Linear:
        """What scores features in a stage."""

    def streams_of(self, stage: int) -> range:
        """One stream a stage."""
        return range(stage, stage + 1)

    def at(self, stage: int, step: int, steps: int) -> None:
        """The next logits are for this step."""
        self.time = 1.0 - step * (1.0 / steps)

    def join(self, first: Any, second: Any) -> tuple[Any, Any]:
        """A pair: rows of different lengths are no batch."""
        return first, second

    def logits(
        self,
        codes: Tensor,
        stage: int,
        condition: Any,
        cells: Tensor,
        *,
        guide: tuple[float, float] | None = None,
    ) -> Tensor:
        """See MaskedModel; cells must lie behind the prompt. Logits come back to the CPU."""
        head = self.head(stage)
        codes, cells = codes.to(head.weight.device), cells.to(head.weight.device)
        rows = condition if isinstance(condition, tuple) else (condition,)
        parts = zip(codes.chunk(len(rows)), rows, strict=True)
        features = [self.features(own, stage, told).float() for own, told in parts]
        if guide is not None:
            weight, rescale = guide
            features = [guided(*features, weight, rescale, over=self.spread)]
        asked = cells[:, rows[0].prompt :].chunk(len(rows))
        scored = torch.cat([x[own] for x, own in zip(features, asked, strict=False)])
        return head(scored.to(head.weight.dtype))[:, None].float().cpu()
