"""The rules of a stage: how warm and how guided a step is, and which spans it reveals.

`low-discrepancy` and `first-hitting` choose spans before the network is asked, so that it scores nothing in
vain; `confidence` and `entropy` choose by what it says.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.decoding.plan import StagePlan
from maskaudio.decoding.samplers import Chance, uniforms
from maskaudio.decoding.spans import (
    hide,
    least_probable_spans,
    masked_share,
    span_confidence,
    span_count,
    span_sum,
)

KEPT = -1e4  # doubt of a frame that is to stay revealed (audiocraft's number)


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
        chance: Chance,
        lengths: list[int] | None = None,
    ):
        self.open, self.plan, self.length = open, plan, span_length
        self.schedule, self.chance = schedule, chance
        self.frames = open.shape[1]
        self.spans = span_count(self.frames, span_length)
        self.own = [span_count(n, span_length) for n in lengths or [self.frames] * len(open)]
        self.fixed = torch.isinf(span_confidence(torch.zeros(open.shape), open, span_length))  # [B, S]
        self.anywhere = plan.scoring == "stride-1" and span_length > 1
        self.to_fill = open.sum(1) if self.anywhere else (~self.fixed).sum(1)  # frames, or spans
        self.times = None  # [B, S] when each span is revealed, where that is chosen first
        if plan.sampler == "low-discrepancy":
            ranks = [spread_out(n, [g])[0] for n, g in zip(self.own, chance.generators, strict=True)]
            self.times = torch.stack([F.pad(r, (0, self.spans - len(r))) for r in ranks])
        elif plan.sampler == "first-hitting":
            self.times = uniforms((self.spans,), chance.generators, self.own)

    def share(self, step: int) -> float:
        """The share of what is to fill that is hidden before `step`; 0 after the last."""
        return masked_share(self.schedule, step / self.plan.steps)

    def left(self, step: int) -> Tensor:
        """How much stays hidden after `step`, [B]: spans, or frames where spans may begin anywhere."""
        return (self.to_fill * self.share(step + 1)).floor()

    def guidance(self, step: int) -> float:
        """The weight of the condition."""
        return self.plan.guidance_at(self.share(step))

    def temperature(self, step: int) -> float:
        """Of the draws of `step`."""
        return self.plan.temperature_at(step)

    def likeliest(self, step: int) -> bool:
        """Whether the likeliest tokens are taken instead of drawn ones."""
        return False

    def noise(self, step: int) -> float:
        """The scale of the noise on how sure a span is."""
        return self.plan.noise * self.share(step + 1)

    def asked(self, hidden: Tensor) -> Tensor:
        """The frames that the network is asked about where `hidden` ones are to be filled, [B, T]."""
        return hidden

    def certainty(self, logits: Tensor, p: Tensor, token: Tensor, step: int) -> Tensor:
        """Probability [n, S] of the tokens [n, S] that tells how sure they are."""
        return p.gather(2, token[..., None])[..., 0]

    def sureness(self, certainty: Tensor) -> Tensor:
        """How sure frames are, [n], by the certainty of their tokens [n, S]."""
        return certainty.clamp(min=1e-30).log().sum(1)

    def before(self, step: int, hidden: Tensor) -> Tensor | None:
        """Which of the frames `hidden` stay so after `step`, [B, T]; None to ask the network first."""
        if self.times is None:
            return None
        if self.plan.sampler == "low-discrepancy":
            return self._hide(-self.times, self.left(step)) & hidden
        one_by_one = (self.to_fill - step - 1).clamp(min=0)  # the exact order of masked diffusion
        done = 1.0 - self.share(step + 1)
        binned = ((self.times >= done) & ~self.fixed).sum(1)  # all whose time falls in the step
        count = torch.where(self.plan.steps >= self.to_fill, one_by_one, binned)
        return self._hide(-self.times, count) & hidden

    def after(self, step: int, sure: Tensor, p: Tensor, asked: Tensor) -> Tensor:
        """The same, once the network has said how `sure` it is of each frame's tokens, [B, T].

        asked [B, T]: the frames it was asked about; p [asked.sum(), S, vocab]: its answers.
        """
        if self.plan.sampler == "entropy":
            return self._cheapest(step, p, asked)
        free = asked | ~torch.isinf(sure) if self.plan.looks_back else asked
        if self.anywhere:
            return self._least_probable(sure, free, self.left(step))
        if self.plan.scoring == "product":
            spans = -span_sum(-sure, free, self.length)
            spans = spans.masked_fill(torch.isinf(spans), math.inf)
        else:
            spans = span_confidence(sure, free, self.length)
        noise = self.noise(step) * self.chance.gumbel(self.spans, self.own)
        return hide(spans + noise, self.left(step), self.length, self.frames) & free

    def _cheapest(self, step: int, p: Tensor, hidden: Tensor) -> Tensor:
        entropy = torch.zeros(hidden.shape, dtype=p.dtype)
        entropy[hidden] = torch.special.entr(p).sum((1, 2))
        cost = span_sum(entropy, hidden, self.length)  # +inf where nothing is hidden
        ranked = cost.sort(1).values
        spent = (ranked.cumsum(1) - ranked).nan_to_num(math.inf)  # what the cheaper ones cost together
        most = torch.isfinite(cost).sum(1) - (spent <= self.plan.budget).sum(1)
        surest = torch.where(torch.isfinite(cost), -cost, math.inf)
        return self._hide(surest, torch.minimum(most, self.left(step))) & hidden

    def _least_probable(self, sure: Tensor, free: Tensor, count: Tensor) -> Tensor:
        # single precision, as audiocraft has it: beside KEPT it blurs what is nearly alike
        doubt = torch.where(free, -sure, KEPT).float()
        masks = [
            least_probable_spans(row, n, min(self.length, self.frames)) if n else torch.zeros_like(row).bool()
            for row, n in zip(doubt, count.int().tolist(), strict=True)
        ]
        return torch.stack(masks)

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
