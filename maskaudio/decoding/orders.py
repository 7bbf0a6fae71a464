"""Which spans a step reveals: the samplers, as one question asked before or after the network.

`low-discrepancy` and `first-hitting` choose before the network is asked, so that it scores nothing in vain;
`confidence` and `entropy` choose by what it says.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.decoding.plan import StagePlan
from maskaudio.decoding.samplers import gumbel, uniforms
from maskaudio.decoding.spans import hide, masked_share, span_confidence, span_count, span_sum


class Order:
    """The order in which the frames `open` (bool [B, T]) of one stage are revealed, span by span.

    lengths: frames that are an item's own where others of its batch are longer.
    """

    def __init__(
        self,
        open: Tensor,
        plan: StagePlan,
        span_length: int,
        schedule: str,
        generators: list[torch.Generator],
        lengths: list[int] | None = None,
    ):
        self.plan, self.length, self.schedule, self.generators = plan, span_length, schedule, generators
        self.frames = open.shape[1]
        self.spans = span_count(self.frames, span_length)
        self.own = [span_count(n, span_length) for n in lengths or [self.frames] * len(generators)]
        self.fixed = torch.isinf(span_confidence(torch.zeros(open.shape), open, span_length))  # [B, S]
        self.to_fill = (~self.fixed).sum(1)
        self.times = None  # [B, S] when each span is revealed, where that is chosen first
        if plan.sampler == "low-discrepancy":
            ranks = [spread_out(n, [g])[0] for n, g in zip(self.own, generators, strict=True)]
            self.times = torch.stack([F.pad(r, (0, self.spans - len(r))) for r in ranks])
        elif plan.sampler == "first-hitting":
            self.times = uniforms((self.spans,), generators, self.own)

    def before(self, step: int, hidden: Tensor) -> Tensor | None:
        """Which of the frames `hidden` stay so after `step`, [B, T]; None to ask the network first."""
        if self.times is None:
            return None
        if self.plan.sampler == "low-discrepancy":
            return self._hide(-self.times, self._left(step)) & hidden
        one_by_one = (self.to_fill - step - 1).clamp(min=0)  # the exact order of masked diffusion
        done = 1.0 - masked_share(self.schedule, (step + 1) / self.plan.steps)
        binned = ((self.times >= done) & ~self.fixed).sum(1)  # all whose time falls in the step
        count = torch.where(self.plan.steps >= self.to_fill, one_by_one, binned)
        return self._hide(-self.times, count) & hidden

    def after(self, step: int, sure: Tensor, p: Tensor, hidden: Tensor) -> Tensor:
        """The same, once the network has said how `sure` it is of each frame's tokens (log-probability).

        hidden [B, T]: the frames it was asked about; p [hidden.sum(), S, vocab]: its answers.
        """
        if self.plan.sampler == "entropy":
            entropy = torch.zeros(hidden.shape, dtype=p.dtype)
            entropy[hidden] = torch.special.entr(p).sum((1, 2))
            cost = span_sum(entropy, hidden, self.length)  # +inf where nothing is hidden
            ranked = cost.sort(1).values
            spent = (ranked.cumsum(1) - ranked).nan_to_num(math.inf)  # what the cheaper ones cost together
            most = torch.isfinite(cost).sum(1) - (spent <= self.plan.budget).sum(1)
            surest = torch.where(torch.isfinite(cost), -cost, math.inf)
            return self._hide(surest, torch.minimum(most, self._left(step))) & hidden
        free = hidden | ~torch.isinf(sure) if self.plan.looks_back else hidden
        spans = span_confidence(sure, free, self.length)
        left = masked_share(self.schedule, (step + 1) / self.plan.steps)
        noise = gumbel(uniforms((self.spans,), self.generators, self.own))
        return hide(spans + self.plan.noise * left * noise, self._left(step), self.length, self.frames) & free

    def _left(self, step: int) -> Tensor:
        """Spans that the schedule leaves hidden after `step`, [B]."""
        left = masked_share(self.schedule, (step + 1) / self.plan.steps)
        return (self.to_fill * left).floor()

    def _hide(self, confidence: Tensor, count: Tensor) -> Tensor:
        return hide(confidence.masked_fill(self.fixed, math.inf), count, self.length, self.frames)


def spread_out(spans: int, generators: list[torch.Generator]) -> Tensor:
    """Ranks [B, spans] in [0, 1): the first n of them are spread evenly over the clip, whatever n is.

    The van der Corput sequence in base 2 from a random beginning (Halton-MaskGIT, arXiv 2503.17076, in one
    dimension): a span's rank is its index with the bits in reverse.
    """
    bits = max(1, math.ceil(math.log2(max(2, spans))))
    start = (uniforms((1,), generators) * 2**bits).long()
    index = (torch.arange(spans) + start) % 2**bits
    reverse = sum(((index >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    return reverse.double() / 2**bits
