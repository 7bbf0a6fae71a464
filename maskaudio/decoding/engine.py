"""The one decode loop: text-to-audio, both stages of speech and every edit fill a grid with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from maskaudio.decoding.plan import Plan
from maskaudio.decoding.samplers import draw, gumbel, nearest, probabilities, uniforms
from maskaudio.decoding.spans import hide, masked_share, span_confidence, span_count


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

    def logits(self, codes: Tensor, stage: int, condition: Any, cells: Tensor) -> Tensor:
        """codes [B, K, T] (masked = vocab), frames [B, T] → logits [cells.sum(), S, vocab] of S streams."""

    def join(self, first: Any, second: Any) -> Any:
        """Two conditions as one batch: what guidance needs to run both in one pass."""


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
    observer: Callable[[Progress], None] | None = None,
) -> Tensor:
    """Fill the unknown cells of `grid` stage by stage; known cells never change. Returns codes [B, K, T].

    `unconditional` is the condition of the guidance row (a negative prompt, or nothing); it is only used
    where a stage asks for guidance. `values` [K, vocab, D] are the vectors that codes stand for: a stage
    that averages needs them. One generator per clip, seeded from `seeds` [B].
    """
    known = grid.known.clone()
    codes = grid.codes.masked_fill(~known, model.vocab)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    both = model.join(condition, unconditional) if unconditional is not None else None
    done = 0
    for stage, stage_plan in enumerate(plan.stages):
        streams = slice(model.streams_of(stage).start, model.streams_of(stage).stop)
        unknown = ~known[:, streams].all(1)
        spans = span_confidence(torch.zeros(unknown.shape), unknown, plan.span_length)
        to_fill = torch.isfinite(spans).sum(1)
        for step in range(stage_plan.steps):
            cells = codes[:, streams] == model.vocab
            logits = _logits(model, codes, stage, step, plan, condition, both, cells.any(1))
            p = probabilities(logits, stage_plan.temperature_at(step), stage_plan.top_p)
            if stage_plan.average:
                token = nearest(p, values[streams])
            else:
                uniform = uniforms(tuple(cells.shape[1:]), generators).transpose(1, 2)[cells.any(1)]
                token = draw(p, uniform)
            confidence = torch.full(unknown.shape, float("inf"), dtype=torch.float64)
            confidence[cells.any(1)] = p.gather(2, token[..., None])[..., 0].clamp(min=1e-30).log().sum(1)
            left = masked_share(plan.schedule, (step + 1) / stage_plan.steps)
            count = (to_fill * left).floor()
            noisy = span_confidence(confidence, unknown, plan.span_length)
            noise = gumbel(uniforms((span_count(unknown.shape[1], plan.span_length),), generators))
            noisy = noisy + stage_plan.noise * left * noise
            still = hide(noisy, count, plan.span_length, unknown.shape[1]) & unknown
            fresh = unknown & ~still
            drawn = torch.zeros_like(cells, dtype=torch.long)
            drawn.transpose(1, 2)[cells.any(1)] = token
            codes[:, streams] = torch.where(cells & fresh[:, None], drawn, codes[:, streams])
            known[:, streams] |= fresh[:, None]
            unknown = still
            done += 1
            if observer:
                observer(Progress(done, plan.steps, stage, known.clone()))
    return codes


def _logits(
    model: MaskedModel,
    codes: Tensor,
    stage: int,
    step: int,
    plan: Plan,
    condition: Any,
    both: Any,
    cells: Tensor,
) -> Tensor:
    """Guided logits [cells.sum(), S, vocab] of a step."""
    stage_plan = plan.stages[stage]
    masked = masked_share(plan.schedule, step / stage_plan.steps)
    weight = 1.0 + (stage_plan.guidance - 1.0) * masked
    if weight == 1.0 or both is None:
        return model.logits(codes, stage, condition, cells)
    pair = model.logits(torch.cat([codes, codes]), stage, both, torch.cat([cells, cells]))
    conditional, free = pair.chunk(2)
    return free + weight * (conditional - free)
