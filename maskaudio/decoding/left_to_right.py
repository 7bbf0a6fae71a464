"""The other way to fill a grid: frame by frame, as autoregressive models do, by the same transformer.

For the first seconds of a clip (the hybrid of MAGNeT, section 5) and as an honest baseline. The network must
have been trained causally, too; keys and values of the frames behind are kept.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from maskaudio.decoding.engine import Grid, MaskedModel, Progress
from maskaudio.decoding.plan import Plan, StagePlan
from maskaudio.decoding.samplers import draw, generator, probabilities, uniforms
from maskaudio.errors import UsageError
from maskaudio.networks.guidance import guided

PATTERNS = ("flattened", "delayed")


class CausalModel(MaskedModel, Protocol):
    """What these loops need of a network."""

    def past(self, frames: int) -> Any:
        """The cache of a pass over `frames` frames."""

    def next(self, column: Tensor, stage: int, condition: Any, past: Any, *, delayed: bool = False) -> Tensor:
        """column [B, K] of the next frame as it is seen → logits [B, S, vocab]."""


@torch.inference_mode()
def decode_left_to_right(
    model: CausalModel,
    grid: Grid,
    condition: Any,
    plan: Plan,
    seeds: list[int],
    *,
    frames: int | None = None,
    pattern: str = "flattened",
    unconditional: Any = None,
    observer: Callable[[Progress], None] | None = None,
) -> Grid:
    """Fill the unknown cells of the first `frames` frames (all where absent); known cells never change.

    pattern: `flattened` fills stream after stream, K·T passes; `delayed` all at once, stream k k frames late
    (MusicGen, arXiv 2306.05284, section 2.1), T + K − 1 passes, for networks trained that way. Of the `plan`
    only top-p, the first temperature and the full weight of guidance count. One generator per clip, from
    `seeds`. Raises UsageError for another pattern.
    """
    if pattern not in PATTERNS:
        raise UsageError(f"pattern '{pattern}': choose {', '.join(PATTERNS)}")
    batch, streams, total = grid.codes.shape
    frames = total if frames is None else min(frames, total)
    known = grid.known.clone()
    codes = grid.codes.masked_fill(~known, model.vocab)
    generators = [generator(seed) for seed in seeds]
    both = model.join(condition, unconditional) if unconditional is not None else None
    delayed = pattern == "delayed"
    length = frames + (streams - 1) * delayed
    passes = [(0 if delayed else k, t) for k in range(1 if delayed else streams) for t in range(length)]
    past = None
    for done, (stage, t) in enumerate(passes, 1):
        if t == 0:
            past = model.past(length)
        column = torch.full((batch, streams), model.vocab)
        for k in range(streams if delayed else stage + 1):
            seen = t - k - 1 if delayed else t - (k == stage)
            if 0 <= seen < frames:
                column[:, k] = codes[:, k, seen]
        logits = _guided(model, column, stage, plan.stages[stage], condition, both, past, delayed)
        for k in range(streams) if delayed else [stage]:
            at, own_plan = t - k * delayed, plan.stages[k]
            if not 0 <= at < frames:
                continue
            p = probabilities(logits[:, k - stage], own_plan.temperature_at(0), own_plan.top_p)
            token = draw(p, uniforms((), generators))
            codes[:, k, at] = torch.where(known[:, k, at], codes[:, k, at], token)
            known[:, k, at] = True
        if observer:
            observer(Progress(done, len(passes), stage, known.clone()))
    return Grid(codes.masked_fill(~known, 0), known)


def _guided(
    model: CausalModel,
    column: Tensor,
    stage: int,
    plan: StagePlan,
    condition: Any,
    both: Any,
    past: Any,
    delayed: bool,
) -> Tensor:
    """Guided logits [B, S, vocab] of one pass."""
    if both is None or plan.guidance == 1.0:
        return model.next(column, stage, condition, past, delayed=delayed)
    logits = model.next(torch.cat([column, column]), stage, both, past, delayed=delayed)
    return guided(*logits.chunk(2), plan.guidance)
