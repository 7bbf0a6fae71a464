"""Where the published decoders differ from ours: MAGNeT's rules and MaskGCT's, to the number.

MAGNeT as in audiocraft 1.3 (arXiv 2401.04577, section 3), MaskGCT as in Amphion (arXiv 2409.00750, section
3.2). Counts are made in single precision, as they make them: elsewhere a whole number may fall on the other
side.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.decoding.orders import Order
from maskaudio.decoding.plan import Plan, StagePlan
from maskaudio.decoding.samplers import probabilities


class MagnetOrder(Order):
    """Everything is hidden in the first step, and something in the last; how sure a token is, is said before
    the nucleus is cut out, but after the top k are."""

    def share(self, step: int) -> float:
        """The share hidden while `step` is carried out."""
        if step >= self.plan.steps:
            return 0.0
        return max(0.0, float(_magnet_share(step, self.plan.steps)))

    def left(self, step: int) -> Tensor:
        """At least one, until all steps are done."""
        if step + 1 >= self.plan.steps:
            return torch.zeros_like(self.to_fill)
        return (_magnet_share(step + 1, self.plan.steps) * self.to_fill).int().clamp(min=1)

    def temperature(self, step: int) -> float:
        """It falls to 0 with the last step."""
        steps = self.plan.steps
        return max(1e-2, self.plan.temperature * ((steps - 1 - step) / steps))

    def asked(self, hidden: Tensor) -> Tensor:
        """Hidden spans as a whole: known frames in them count when spans are scored."""
        if self.anywhere:
            return hidden
        spans = F.pad(hidden, (0, -self.frames % self.length)).unflatten(1, (-1, self.length))
        return spans.any(-1).repeat_interleave(self.length, dim=1)[:, : self.frames]

    def certainty(self, logits: Tensor, p: Tensor, token: Tensor, step: int) -> Tensor:
        if self.plan.top_p < 1.0:
            p = probabilities(logits, self.temperature(step))
        return super().certainty(logits, p, token, step)


class MaskgctOrder(Order):
    """Time falls from 1 to 0 in equal steps, and temperature and noise with it."""

    def time(self, step: int) -> float:
        """What is left of the time before `step`."""
        return 1.0 - step * (1.0 / self.plan.steps)

    def share(self, step: int) -> float:
        return 0.0 if step >= self.plan.steps else float(_maskgct_share(self.time(step)))

    def left(self, step: int) -> Tensor:
        time = self.time(step + 1) if step + 1 < self.plan.steps else 0.0
        return (_maskgct_share(time) * self.to_fill).floor()

    def temperature(self, step: int) -> float:
        if self.plan.steps == 1:
            return 0.2
        return max(1e-3, self.plan.temperature * self.time(step))

    def likeliest(self, step: int) -> bool:
        return self.plan.steps > 1 and step == self.plan.steps - 1

    def noise(self, step: int) -> float:
        return self.plan.noise * self.time(step)

    def certainty(self, logits: Tensor, p: Tensor, token: Tensor, step: int) -> Tensor:
        """Among the top k, at a temperature of 1."""
        return super().certainty(logits, probabilities(logits, 1.0, top_k=self.plan.top_k), token, step)

    def sureness(self, certainty: Tensor) -> Tensor:
        """Noise is added to the probability itself."""
        return certainty.sum(1)


def magnet_plan(
    steps: Sequence[int],
    *,
    temperature: float = 3.0,
    top_p: float = 0.9,
    top_k: int = 0,
    guidance: float = 10.0,
    last_guidance: float = 1.0,
    span_length: int = 3,
    scoring: str = "max",
) -> Plan:
    """MAGNeT's way, a number of steps for each stream; top_p counts before top_k, 0 is none.

    guidance: audiocraft's max_cfg_coef, last_guidance its min_cfg_coef. scoring: `max`, `product`, or
    `stride-1`.
    """
    stage = {
        "sampler": "magnet",
        "temperature": temperature,
        "last_temperature": 0.0,
        "top_p": top_p or 1.0,
        "top_k": 0 if top_p else top_k,
        "guidance": guidance,
        "last_guidance": last_guidance,
        "noise": 0.0,
        "scoring": scoring,
    }
    return Plan(tuple(StagePlan(n, **stage) for n in steps), span_length)


def maskgct_plan(
    steps: Sequence[int],
    *,
    temperature: float,
    top_k: int,
    guidance: float = 2.5,
    rescale: float = 0.75,
) -> Plan:
    """MaskGCT's way, a number of steps for each stream; guidance: Amphion's cfg, 0 is none."""
    stage = {
        "sampler": "maskgct",
        "temperature": temperature,
        "last_temperature": 0.0,
        "top_k": top_k,
        "guidance": 1.0 + guidance,
        "course": "constant",
        "space": "hidden",
        "rescale": rescale if guidance else 0.0,
    }
    return Plan(tuple(StagePlan(n, **stage) for n in steps), span_length=1)


def _magnet_share(step: int, steps: int) -> Tensor:
    return torch.cos(torch.linspace(0, 1, steps)[step] * math.pi * 0.5)


def _maskgct_share(time: float) -> Tensor:
    return torch.sin(torch.tensor(time) * math.pi / 2)
