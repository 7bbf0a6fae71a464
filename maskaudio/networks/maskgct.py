"""The networks of MaskGCT: phones → semantic tokens → acoustic tokens, as models of the decode loop.

After the paper (arXiv 2409.00750, sections 3.2.1 and 3.2.2) and Amphion's release of it, whose names the
tensors keep.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError
from maskaudio.networks.maskgct_stage import Stage
from maskaudio.networks.maskgct_transformer import TimedConfig, TimedTransformer


@dataclass(frozen=True)
class TextToSemanticConfig:
    """Shape of the first network. The published tables have 1024 rows for the 363 phones there are."""

    vocab: int = 8192
    phones: int = 1024
    dim: int = 1536
    layers: int = 16
    heads: int = 16


@dataclass(frozen=True)
class AcousticConfig:
    """Shape of one of the second networks: `streams` acoustic streams, told `semantic` tokens."""

    streams: int = 12
    vocab: int = 1024
    semantic: int = 8192
    dim: int = 1024
    layers: int = 16
    heads: int = 16


@dataclass(frozen=True)
class SemanticToAcousticConfig:
    """Both of the second networks: one for the first stream alone, one that refines it."""

    first: AcousticConfig
    full: AcousticConfig

    def __post_init__(self) -> None:
        if self.first.streams != 1:
            raise MaskaudioError(f"first.streams: {self.first.streams}, it must be 1")
        for what in ("vocab", "semantic"):
            one, other = getattr(self.first, what), getattr(self.full, what)
            if one != other:
                raise MaskaudioError(f"first.{what}: {one}, full.{what}: {other}; they must be the same")


@dataclass(frozen=True)
class Spoken:
    """What the first network is told: features of phones [B, N, dim], and how many frames are the prompt.

    seen: whether the prompt is seen at all. valid: bool [B, N], which phones are an item's own.
    """

    phones: Tensor
    prompt: int
    seen: bool = True
    valid: Tensor | None = None


class TextToSemantic(Stage):
    """Phones of the prompt and of what is to be said → semantic tokens [B, 1, T], the prompt's in front."""

    def __init__(self, config: TextToSemanticConfig):
        super().__init__()
        c = self.config = config
        self.vocab, self.streams = c.vocab, 1
        self.mask_emb = nn.Embedding(1, c.dim)
        self.to_logit = nn.Linear(c.dim, c.vocab)
        self.cond_emb = nn.Embedding(c.vocab, c.dim)
        self.phone_emb = nn.Embedding(c.phones, c.dim)
        self.diff_estimator = TimedTransformer(TimedConfig(c.dim, c.layers, c.heads))

    def condition(self, phones: Tensor, prompt: int, valid: Tensor | None = None) -> Spoken:
        """Phones [B, N] int64 of prompt and target; the first `prompt` frames of the grid are the prompt."""
        phones = phones.to(self.phone_emb.weight.device)
        return Spoken(self.diff_estimator.cond_mlp(self.phone_emb(phones)), prompt, valid=valid)

    def nothing(self, told: Spoken) -> Spoken:
        """What stands in the unconditional row of guidance."""
        return Spoken(told.phones[:, :0], told.prompt, seen=False)

    def head(self, stage: int) -> nn.Linear:
        """There is one stage."""
        return self.to_logit

    def features(self, codes: Tensor, stage: int, told: Spoken) -> Tensor:
        """See Stage; codes [B, 1, T]."""
        codes = codes[:, :, 0 if told.seen else told.prompt :]
        time = torch.full((len(codes),), self.time, device=codes.device)
        last = codes.shape[2] - (told.prompt if told.seen else 0)
        return self.estimate(self.embedded(codes), time, told, last=last)

    def embedded(self, codes: Tensor) -> Tensor:
        """codes [B, 1, T] → [B, T, dim]; a masked one counts, too."""
        return _embedded(codes[:, 0], self.cond_emb, self.mask_emb)

    def estimate(
        self, x: Tensor, t: Tensor, told: Spoken, valid: Tensor | None = None, last: int | None = None
    ) -> Tensor:
        """Embedded frames [B, T, dim] at the times t [B] → features [B, T, dim], or of the `last` frames.

        valid: bool [B, T], which frames are an item's own.
        """
        if valid is not None or told.valid is not None:
            valid = torch.cat([_all(told.phones, told.valid), _all(x, valid)], 1)
        last = x.shape[1] if last is None else last
        return self.diff_estimator(torch.cat([told.phones, x], 1), t, valid, last)


@dataclass(frozen=True)
class Heard:
    """What the second networks are told: semantic tokens [B, T], and how many frames are the prompt.

    seen: whether the prompt is seen at all.
    """

    semantic: Tensor
    prompt: int
    seen: bool = True


class SemanticToAcoustic(Stage):
    """Semantic tokens of prompt and target → acoustic codes [B, K, T], the prompt's in front.

    Stage 0 is a network of its own (`first`); all others are one that sees the streams before its own.
    """

    def __init__(self, config: SemanticToAcousticConfig):
        super().__init__()
        self.config = config
        self.vocab, self.streams = config.full.vocab, config.full.streams
        self.first = AcousticNetwork(config.first)
        self.full = AcousticNetwork(config.full)

    def condition(self, semantic: Tensor, prompt: int) -> Heard:
        """semantic [B, T] int64 of the whole grid, of which the first `prompt` frames are the prompt."""
        return Heard(semantic.to(self.full.mask_emb.weight.device), prompt)

    def nothing(self, told: Heard) -> Heard:
        """What stands in the unconditional row of guidance: it hears what is said, but not by whom."""
        return replace(told, seen=False)

    def head(self, stage: int) -> nn.Linear:
        """That of the stage's stream."""
        return self.network(stage).to_logits[stage]

    def features(self, codes: Tensor, stage: int, told: Heard) -> Tensor:
        """See Stage."""
        start = 0 if told.seen else told.prompt
        codes, semantic = codes[:, :, start:], told.semantic[:, start:]
        time = torch.full((len(codes),), self.time, device=codes.device)
        network = self.network(stage)
        last = codes.shape[2] - (told.prompt if told.seen else 0)
        return network.estimate(network.embedded(codes), time, network.told(semantic, stage), last=last)

    def network(self, stage: int) -> "AcousticNetwork":
        """Which of the two carries out a stage."""
        return self.first if stage == 0 else self.full


class AcousticNetwork(nn.Module):
    """What both networks of SemanticToAcoustic are: embeddings of all streams, and a head for each."""

    def __init__(self, config: AcousticConfig):
        super().__init__()
        c = self.config = config
        self.layer_emb = nn.Embedding(c.streams, c.dim)
        self.mask_emb = nn.Embedding(1, c.dim)
        self.token_emb = nn.ModuleList(nn.Embedding(c.vocab, c.dim) for _ in range(c.streams))
        self.to_logits = nn.ModuleList(nn.Linear(c.dim, c.vocab) for _ in range(c.streams))
        self.cond_emb = nn.Embedding(c.semantic, c.dim)
        self.diff_estimator = TimedTransformer(TimedConfig(c.dim, c.layers, c.heads))

    def embedded(self, codes: Tensor) -> Tensor:
        """codes [B, K or more, T] → the sum of their embeddings [B, T, dim]; a masked one counts, too."""
        parts = zip(codes.unbind(1), self.token_emb, strict=False)
        return sum(_embedded(stream, table, self.mask_emb) for stream, table in parts)

    def told(self, semantic: Tensor, stream: int) -> Tensor:
        """semantic [B, T] → what is said and which stream is asked for, [B, T, dim]."""
        return self.cond_emb(semantic) + self.layer_emb.weight[stream]

    def estimate(
        self, x: Tensor, t: Tensor, told: Tensor, valid: Tensor | None = None, last: int | None = None
    ) -> Tensor:
        """Embedded frames [B, T, dim] at the times t [B] → features [B, T, dim], or of the `last` frames.

        told [B, T, dim]; valid: bool [B, T], which frames are an item's own.
        """
        return self.diff_estimator(x + self.diff_estimator.cond_mlp(told), t, valid, last)


def _embedded(codes: Tensor, table: nn.Embedding, mask: nn.Embedding) -> Tensor:
    """codes [B, T], masked ones beyond the table → [B, T, dim]."""
    known = codes < table.num_embeddings
    return torch.where(known[..., None], table(codes.where(known, 0)), mask.weight[0])


def _all(rows: Tensor, valid: Tensor | None) -> Tensor:
    return torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device) if valid is None else valid.bool()
