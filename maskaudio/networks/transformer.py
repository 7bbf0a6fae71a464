"""The masked transformer: sees a token grid with holes, predicts it stage by stage."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError
from maskaudio.networks.attention import KeyValues, check_heads, rotary_table
from maskaudio.networks.guidance import guided
from maskaudio.networks.layer import Layer
from maskaudio.networks.neighbours import Neighbours


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of a masked transformer.

    Attention reaches `window` frames either way on every stream after the first. On the first it sees the
    whole of a grid of up to 2·`reach` + 1 frames, and `reach` frames either way of a longer one: distances
    never met in training are not met in decoding. With `prior` the condition alone already scores the codes.
    """

    streams: int
    vocab: int
    dim: int = 384
    layers: int = 8
    heads: int = 6
    window: int = 12
    reach: int = 125
    cross_every: int = 2  # layers that ask the condition: 0, cross_every, …; 0: none does
    condition_dim: int = 256
    frames_dim: int = 0  # width of what the condition says of every single frame; 0: nothing
    dropout: float = 0.1
    prior: bool = False
    neighbours: int = 0  # rank of the tables, see networks/neighbours.py; 0: none
    stages: int = 0  # the last of them fills all streams that are left at once; 0: every stream has its own
    critic: bool = False  # can say which codes of a filled grid do not belong

    def __post_init__(self) -> None:
        check_heads(self.dim, self.heads)
        if not 0 <= self.stages <= self.streams:
            raise MaskaudioError(f"stages: {self.stages}: {self.streams} streams have at most as many")


@dataclass(frozen=True)
class Condition:
    """What the frames are asked to become, ready for every layer.

    memory: keys and values [2, B, H, L, D] per asking layer; valid: bool [B, L]; summary: [B, dim];
    prior: logits [B, K, vocab] of every code wherever it may stand, or None; frames: [B, T, dim], what each
    frame is asked to become, or None. own: bool [B, T], the frames of each item where others are longer.
    """

    memory: tuple[Tensor, ...]
    valid: Tensor
    summary: Tensor
    prior: Tensor | None = None
    frames: Tensor | None = None
    own: Tensor | None = None

    def split(self, first: int) -> tuple["Condition", "Condition"]:
        """The first `first` items, and the rest."""
        parts = [
            Condition(
                tuple(m[:, part] for m in self.memory),
                self.valid[part],
                self.summary[part],
                None if self.prior is None else self.prior[part],
                None if self.frames is None else self.frames[part],
                None if self.own is None else self.own[part],
            )
            for part in (slice(None, first), slice(first, None))
        ]
        return parts[0], parts[1]


@dataclass
class Past:
    """The frames behind the next one of `frames` in all, where a network goes from left to right."""

    frames: int
    layers: list[KeyValues]
    done: int = 0


class MaskedTransformer(nn.Module):
    """Codes [B, K, T] with masked cells (token `vocab`) → logits of the streams of one stage."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        c = self.config = config
        self.vocab, self.streams, self.stages = c.vocab, c.streams, c.stages or c.streams
        self.computes = torch.float32  # or what a processor is quicker at; training has its own precision
        self.embed = nn.ModuleList(nn.Embedding(c.vocab + 1, c.dim) for _ in range(c.streams))
        self.stage = nn.Embedding(c.streams, c.dim)
        self.causal = nn.Parameter(torch.zeros(c.dim))  # says: left to right
        self.summary = nn.Linear(c.condition_dim, c.dim)
        self.frames = nn.Linear(c.frames_dim, c.dim) if c.frames_dim else None
        asking = range(0, c.layers, c.cross_every) if c.cross_every else ()
        asked = [c.condition_dim if i in asking else None for i in range(c.layers)]
        self.layers = nn.ModuleList(Layer(c.dim, c.heads, c.dropout, width) for width in asked)
        self.norm = nn.RMSNorm(c.dim)
        self.heads = nn.ModuleList(nn.Linear(c.dim, c.vocab) for _ in range(c.streams))
        self.prior = nn.Linear(c.condition_dim, c.streams * c.vocab) if c.prior else None
        self.neighbours = Neighbours(c.streams, c.vocab, c.neighbours) if c.neighbours else None
        self.critic = _critic(c.dim, c.streams) if c.critic else None
        self.dropout = nn.Dropout(c.dropout)
        for table in self.embed:
            nn.init.normal_(table.weight, std=0.5 / c.streams)
            nn.init.normal_(table.weight[c.vocab], std=2.0 / c.streams)  # the mask stands apart
        nn.init.normal_(self.stage.weight, std=0.3)

    def condition(
        self, memory: Tensor, valid: Tensor, frames: Tensor | None = None, own: Tensor | None = None
    ) -> Condition:
        """Prepare a condition once per request: memory [B, L, condition_dim], valid bool [B, L].

        The first row of `memory` is its summary, which every frame also gets directly; frames
        [B, T, frames_dim] is for networks that are told about every frame; own as in Condition.
        """
        asked = tuple(x.cross.keys_values(memory) for x in self.layers if x.cross is not None)
        summary = memory[:, 0]
        prior = None if self.prior is None else self.prior(summary).unflatten(-1, (self.streams, self.vocab))
        frames = None if self.frames is None else self.frames(frames)
        return Condition(asked, valid, self.summary(summary), prior, frames, own)

    def join(self, first: Condition, second: Condition) -> Condition:
        """Two conditions of equal length L as one batch."""
        memory = tuple(torch.cat(pair, dim=1) for pair in zip(first.memory, second.memory, strict=True))
        valid = torch.cat([first.valid, second.valid])
        prior = None if first.prior is None else torch.cat([first.prior, second.prior])
        frames = None if first.frames is None else torch.cat([first.frames, second.frames])
        own = None if first.own is None else torch.cat([first.own, second.own])
        return Condition(memory, valid, torch.cat([first.summary, second.summary]), prior, frames, own)

    def forward(
        self,
        codes: Tensor,
        stage: int,
        condition: Condition,
        *,
        causal: bool = False,
        valid: Tensor | None = None,
        past: Past | None = None,
    ) -> Tensor:
        """codes [B, K, T] → features [B, T, dim] for `stage`; `valid` [B, T] marks real frames.

        With `past`, codes are the one frame that follows it.
        """
        first, frames = (past.done, past.frames) if past else (0, codes.shape[2])
        valid = condition.own if valid is None else valid
        reach = self.config.reach if frames > 2 * self.config.reach + 1 else None
        window = self.config.window if stage > 0 else reach
        x = self.embedded(codes)
        x = x + self.stage.weight[stage] + condition.summary[:, None]
        if condition.frames is not None:
            x = x + condition.frames
        if causal:
            x = x + self.causal
        x = self.dropout(x)
        width = self.config.dim // self.config.heads
        rotary = rotary_table(first + codes.shape[2], width, codes.device)[:, first:]
        memory = iter(condition.memory)
        for i, layer in enumerate(self.layers):
            asked = next(memory) if layer.cross is not None else None
            x = layer(
                x,
                rotary,
                window=window,
                causal=causal,
                valid=valid,
                memory=asked,
                memory_valid=condition.valid,
                behind=past.layers[i] if past else None,
            )
        if past:
            past.done += 1
        return self.norm(x)

    def streams_of(self, stage: int) -> range:
        """The streams that `stage` fills: one, or in the last stage all that are left."""
        return range(stage, self.streams if stage == self.stages - 1 else stage + 1)

    def embedded(self, codes: Tensor) -> Tensor:
        """codes [B, K, T] → the sum of their embeddings [B, T, dim]."""
        return sum(table(codes[:, k]) for k, table in enumerate(self.embed))

    @torch.no_grad()
    def start_near(self, values: Tensor) -> None:
        """Begin with embeddings and heads in which codes of like values are alike: values [K, vocab, D].

        What is learned of one code then holds for its neighbours, too; masks are no louder than codes.
        """
        dim = self.config.dim
        size = self.streams**-0.5
        for table, head, own in zip(self.embed, self.heads, values, strict=True):
            table.weight[: self.vocab] = size * alike(own, dim)
            table.weight[self.vocab] = size * torch.randn(dim)
            head.weight += 0.5 * dim**-0.5 * alike(own, dim)

    def logits(
        self,
        codes: Tensor,
        stage: int,
        condition: Condition,
        cells: Tensor,
        *,
        guide: tuple[float, float] | None = None,
    ) -> Tensor:
        """Logits [cells.sum(), S, vocab] of the S streams of `stage` at the frames `cells` (bool [B, T]).

        guide: weight and rescale of guidance in hidden space; the second half of the items is its
        unconditional row, and logits are of the first half. The grid may lie on the CPU whatever the network
        runs on; the logits always come back there, where the drawing is done.
        """
        device = self.stage.weight.device
        with self._arithmetic():
            return self.score(codes.to(device), stage, condition, cells.to(device), guide=guide).cpu()

    def genuine(self, codes: Tensor, stage: int, condition: Condition) -> Tensor:
        """How true each frame's codes in the streams of `stage` look, logits [B, T].

        The token critic (arXiv 2209.04439) as a head on the network's own features; codes [B, K, T] are known
        in these streams.
        """
        streams = self.streams_of(stage)
        with self._arithmetic():
            features = self(codes.to(self.stage.weight.device), stage, condition)
            return self.critic(features)[..., streams.start : streams.stop].float().mean(-1)

    def _arithmetic(self) -> AbstractContextManager[Any]:
        """Within: products are of `computes`; what is added up, and what comes out, stays float32."""
        if self.computes == torch.float32:
            return nullcontext()  # training may have chosen a precision around
        return torch.autocast(self.stage.weight.device.type, self.computes)

    def past(self, frames: int) -> Past:
        """No frame yet of the `frames` of a grid."""
        return Past(frames, [KeyValues() for _ in self.layers])

    def next(
        self, column: Tensor, stage: int, condition: Condition, past: Past, *, delayed: bool = False
    ) -> Tensor:
        """Logits [B, S, vocab] of the frame after `past`; column [B, K]: what is seen of it, see `score`."""
        device = self.stage.weight.device
        cells = torch.ones(len(column), 1, dtype=torch.bool, device=device)
        codes = column[:, :, None].to(device)
        with self._arithmetic():
            return self.score(codes, stage, condition, cells, causal=True, delayed=delayed, past=past).cpu()

    def score(
        self,
        codes: Tensor,
        stage: int,
        condition: Condition,
        cells: Tensor,
        *,
        causal: bool = False,
        delayed: bool = False,
        valid: Tensor | None = None,
        past: Past | None = None,
        guide: tuple[float, float] | None = None,
    ) -> Tensor:
        """`logits` where everything is on one device: what text, neighbours and transformer say, added.

        causal: from left to right; the stream of `stage` is seen one frame late, later ones not at all. With
        `delayed` stage 0 is asked for all streams at once: stream k for k frames ago, and seen k + 1 late.
        """
        features = self(codes, stage, condition, causal=causal, valid=valid, past=past)
        prior = condition.prior
        if guide is not None:
            weight, rescale = guide
            features = guided(*features.float().chunk(2), weight, rescale, over=(1, 2))
            codes, cells = codes.chunk(2)[0], cells.chunk(2)[0]
            prior = None if prior is None else guided(*prior.chunk(2), weight)
        scored = features[cells]
        streams = range(self.streams) if delayed else self.streams_of(stage)
        logits = torch.stack([self.heads[k](scored) for k in streams], 1).float()
        if prior is not None:
            logits = logits + prior[cells.nonzero()[:, 0], streams.start : streams.stop].float()
        if self.neighbours is not None:
            tables = [self.neighbours(codes, k, cells, causal) for k in streams]
            logits = logits + torch.stack(tables, 1).float()
        return logits


def _critic(dim: int, streams: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, streams))


def alike(values: Tensor, dim: int) -> Tensor:
    """Random rows [n, dim] of size 1: half their own, half shared with rows of like `values` [n, D]."""
    values = (values - values.mean(0)) / values.std(0).clamp(min=1e-6)
    shared = values @ torch.randn(values.shape[1], dim) / values.shape[1] ** 0.5
    return (shared + torch.randn_like(shared)) / 2**0.5
