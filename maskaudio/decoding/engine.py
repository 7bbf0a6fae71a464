"""The one decode loop: text-to-audio, both stages of speech and every edit fill a grid with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.decoding.orders import Order
from maskaudio.decoding.plan import SAMPLERS, Plan
from maskaudio.decoding.published import MagnetOrder, MaskgctOrder
from maskaudio.decoding.samplers import Chance, nearest, probabilities
from maskaudio.errors import UsageError
from maskaudio.networks.guidance import guided


@dataclass(frozen=True)
class Grid:
    """Codes [B, K, T] int64 and which of them are known [B, K, T] bool; the rest is to be filled."""

    codes: Tensor
    known: Tensor

    @classmethod
    def blank(cls, batch: int, streams: int, frames: int) -> "Grid":
        """A grid of which nothing is known."""
        shape = (batch, streams, frames)
        return cls(torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.bool))


@dataclass(frozen=True)
class Progress:
    """What an observer is told after a step: reveals done and in all, the stage, the cells known now."""

    done: int
    total: int
    stage: int
    known: Tensor  # [B, K, T] bool


class MaskedModel(Protocol):
    """What the loop needs of a network."""

    vocab: int  # the mask is token `vocab`

    def streams_of(self, stage: int) -> range:
        """The streams that `stage` fills, frame by frame together."""

    def logits(
        self,
        codes: Tensor,
        stage: int,
        condition: Any,
        cells: Tensor,
        *,
        guide: tuple[float, float] | None = None,
    ) -> Tensor:
        """codes [B, K, T] (masked = vocab), frames [B, T] → logits [cells.sum(), S, vocab] of S streams.

        guide: weight and rescale, for plans that guide in hidden space: the second half of the batch is the
        unconditional row, and the logits are of the first half.
        """

    def join(self, first: Any, second: Any) -> Any:
        """Two conditions as one batch: what guidance needs to run both in one pass."""

    def genuine(self, codes: Tensor, stage: int, condition: Any) -> Tensor:
        """Codes [B, K, T] → logits [B, T]: does a frame look true? Only for plans that ask a critic."""


@runtime_checkable
class TimedModel(Protocol):
    """A network that wants to know how far a stage has come, as diffusion models do (MaskGCT)."""

    def at(self, stage: int, step: int, steps: int) -> None:
        """The next logits are for `step` of the `steps` of `stage`."""


@dataclass(frozen=True)
class Rescorer:
    """A second network of the same stages and codes that has a say in what is sure (MAGNeT, section 3.3).

    Spans are ranked by weight · p + (1 − weight) · q, where p is the decoding network's probability of a
    token and q this one's.
    """

    model: MaskedModel
    condition: Any
    weight: float

    def agrees(self, p: Tensor, codes: Tensor, stage: int, cells: Tensor, token: Tensor) -> Tensor:
        """p [n, S] of `token` [n, S] as both networks see it together."""
        logits = self.model.logits(codes, stage, self.condition, cells)
        q = probabilities(logits, 1.0).gather(2, token[..., None])[..., 0]
        return self.weight * p + (1.0 - self.weight) * q


ORDERS: dict[str, type[Order]] = dict.fromkeys(SAMPLERS, Order)  # by sampler: which spans a step reveals
ORDERS |= {"magnet": MagnetOrder, "maskgct": MaskgctOrder}


def register_sampler(name: str, order: type[Order]) -> None:
    """Make `order` a sampler that the plans of this process may name. Raises UsageError for a taken name."""
    if name in ORDERS:
        raise UsageError(f"the sampler '{name}' is there already; give yours another name")
    ORDERS[name] = order
    SAMPLERS.append(name)


@torch.inference_mode()
def decode(
    model: MaskedModel,
    grid: Grid,
    condition: Any,
    plan: Plan,
    seeds: list[int],
    *,
    unconditional: Any = None,
    values: Tensor | None = None,
    rescorer: Rescorer | None = None,
    lengths: list[int] | None = None,
    observer: Callable[[Progress], None] | None = None,
    chance: Callable[[list[int], list[int] | None], Chance] = Chance,
) -> Tensor:
    """Fill the unknown cells of `grid` stage by stage; known cells never change. Returns codes [B, K, T].

    `unconditional` is the condition of the guidance row (a negative prompt, or nothing); it is only used
    where a stage asks for guidance. `values` [K, vocab, D] are the vectors that codes stand for: a stage
    that averages needs them. One generator per clip, seeded from `seeds` [B]. lengths: frames of each clip
    where some are longer; what fills up the others is known, and the conditions say so (`Condition.own`).
    chance: what makes the draws of `seeds` and `lengths`.
    """
    known = grid.known.clone()
    codes = grid.codes.masked_fill(~known, model.vocab)
    drawing = chance(seeds, lengths)
    both = model.join(condition, unconditional) if unconditional is not None else None
    done = 0
    for stage, stage_plan in enumerate(plan.stages):
        streams = slice(model.streams_of(stage).start, model.streams_of(stage).stop)
        open = ~known[:, streams]  # [B, S, T] what this stage is to fill
        hidden = open.any(1)
        sure = torch.full(hidden.shape, -torch.inf, dtype=torch.float64)
        rules = ORDERS[stage_plan.sampler]
        order = rules(hidden, stage_plan, plan.span_length, plan.schedule, drawing, lengths)
        for step in range(stage_plan.steps):
            still = order.before(step, hidden)
            asked = order.asked(hidden) if still is None else hidden & ~still
            if isinstance(model, TimedModel):
                model.at(stage, step, stage_plan.steps)
            logits = _logits(model, codes, stage, order, step, condition, both, asked)
            p = probabilities(logits, order.temperature(step), stage_plan.top_p, stage_plan.top_k)
            if stage_plan.average:
                token = nearest(p, values[streams])
            elif order.likeliest(step):
                token = p.argmax(-1)
            else:
                token = drawing.tokens(p, asked)
            certainty = order.certainty(logits, p, token, step)
            if rescorer and asked.any():
                certainty = rescorer.agrees(certainty, codes, stage, asked, token)
            sure[asked] = order.sureness(certainty)
            drawn = codes[:, streams].clone()
            drawn.transpose(1, 2)[asked] = token
            if stage_plan.critic and asked.any() and step + 1 < stage_plan.steps:
                filled = codes.clone()
                filled[:, streams] = drawn
                genuine = model.genuine(filled, stage, condition).cpu().double()
                sure[open.any(1)] = F.logsigmoid(genuine)[open.any(1)]
            if still is None:
                still = order.after(step, sure, p, asked) & order.open
            fresh, again = hidden & ~still, still & ~hidden
            codes[:, streams] = torch.where(open & fresh[:, None], drawn, codes[:, streams])
            codes[:, streams].masked_fill_(open & again[:, None], model.vocab)
            known[:, streams] = ~(open & still[:, None])
            hidden = still
            done += 1
            if observer:
                observer(Progress(done, plan.steps, stage, known.clone()))
    return codes


def _logits(
    model: MaskedModel,
    codes: Tensor,
    stage: int,
    order: Order,
    step: int,
    condition: Any,
    both: Any,
    cells: Tensor,
) -> Tensor:
    """Guided logits [cells.sum(), S, vocab] of a step."""
    if not cells.any():
        return torch.zeros(0, len(model.streams_of(stage)), model.vocab)
    weight, plan = order.guidance(step), order.plan
    if weight == 1.0 or both is None:
        return model.logits(codes, stage, condition, cells)
    twice = torch.cat([codes, codes]), stage, both, torch.cat([cells, cells])
    if plan.space == "hidden":
        return model.logits(*twice, guide=(weight, plan.rescale))
    return guided(*model.logits(*twice).chunk(2), weight, plan.rescale)
