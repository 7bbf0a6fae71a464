"""The network of MAGNeT (arXiv 2401.04577) as audiocraft 1.3 has it: a grid with holes, a text → logits."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.attention import CrossAttention, windowed_attention
from maskaudio.networks.guidance import guided


@dataclass(frozen=True)
class MagnetConfig:
    """Shape of a published network.

    Attention reaches `window` frames either way on every stream after the first (−1: all of them, as on the
    first); `feed` is the width between the two layers of a feed-forward block, `text_dim` that of the text
    encoder's states. The network has met grids of up to `frames` frames.
    """

    streams: int
    vocab: int
    dim: int
    layers: int
    heads: int
    feed: int
    text_dim: int
    frames: int
    window: int = 5

    def __post_init__(self) -> None:
        if min(self.streams, self.vocab, self.layers, self.heads, self.feed, self.text_dim, self.frames) < 1:
            raise MaskaudioError("streams, vocab, layers, heads, feed, text_dim, frames: 1 or more")
        if self.dim < 4 or self.dim % 2 or self.dim % self.heads:
            raise MaskaudioError(f"dim: {self.dim} is odd, or {self.heads} heads cannot share it")
        if self.window < -1:
            raise MaskaudioError(f"window: {self.window}: frames, or −1 for all of them")


@dataclass(frozen=True)
class Texts:
    """What texts say to every layer: keys and values [2, B, H, L, D] a layer, and which of L count [B, L].

    silent: how many items there are behind these B that are told nothing. Cross-attention adds exactly 0 to
    them, and is not asked.
    """

    memory: tuple[Tensor, ...]
    valid: Tensor
    silent: int = 0

    def split(self, first: int) -> tuple["Texts", "Texts"]:
        """The first `first` items, and the rest."""
        parts = (slice(None, first), slice(first, None))
        one, other = (Texts(tuple(m[:, p] for m in self.memory), self.valid[p]) for p in parts)
        return one, other

    def padded(self, length: int) -> "Texts":
        """The same of `length` states, those added not counting."""
        more = length - self.valid.shape[1]
        memory = tuple(F.pad(m, (0, 0, 0, more)) for m in self.memory)
        return Texts(memory, F.pad(self.valid, (0, more)), self.silent)


class MagnetNetwork(nn.Module):
    """States of a text encoder → `Texts`; and the masked transformer that is told them."""

    def __init__(self, config: MagnetConfig):
        super().__init__()
        self.config = config
        self.project = nn.Linear(config.text_dim, config.dim)
        self.transformer = MagnetTransformer(config)

    def condition(self, states: Tensor, valid: Tensor, *, coupled: bool = False) -> Texts:
        """states [B, L, text_dim] of the text encoder, valid bool [B, L] → a condition for decoding.

        An item of which nothing is valid is told nothing: cross-attention then adds 0. Padding is not heard,
        so that a prompt is what it is alone. With `coupled` it is heard as silence that takes its share of
        attention, as in audiocraft, where a prompt therefore changes with the longest one beside it.
        """
        told = self.told(states, valid)
        # silence is all that is there for whom nothing is valid
        heard = valid | ~valid.any(1, keepdim=True) | coupled
        return self.transformer.condition(told, heard)

    def told(self, states: Tensor, valid: Tensor) -> Tensor:
        """States as the layers are told them, [B, L, dim]; 0 where they do not count."""
        return self.project(states.to(self.project.weight.dtype)) * valid[..., None]

    def nothing(self, items: int) -> Texts:
        """The condition of `items` items that are told nothing."""
        nobody = self.project.weight.new_zeros(0, 1, self.config.dim)
        told = self.transformer.condition(nobody, torch.ones_like(nobody[..., 0], dtype=torch.bool))
        return replace(told, silent=items)


class MagnetTransformer(nn.Module):
    """Codes [B, K, T] with masked cells (token `vocab`) → logits of the stream of one stage."""

    def __init__(self, config: MagnetConfig):
        super().__init__()
        c = self.config = config
        self.vocab, self.streams, self.stages = c.vocab, c.streams, c.streams
        self.embed = nn.ModuleList(nn.Embedding(c.vocab + 1, c.dim) for _ in range(c.streams))
        self.layers = nn.ModuleList(MagnetLayer(c.dim, c.heads, c.feed) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.dim)
        self.heads = nn.ModuleList(nn.Linear(c.dim, c.vocab, bias=False) for _ in range(c.streams))

    def streams_of(self, stage: int) -> range:
        """Every stream has a stage of its own."""
        return range(stage, stage + 1)

    def past(self, frames: int) -> None:
        """Raise UsageError: it has never gone from left to right."""
        raise UsageError("MAGNeT does not go from left to right: leave hybrid-seconds out")

    def condition(self, told: Tensor, heard: Tensor) -> Texts:
        """told [B, L, dim], heard bool [B, L]: keys and values for every layer, once per request."""
        return Texts(tuple(layer.cross.keys_values(told) for layer in self.layers), heard)

    def join(self, first: Texts, second: Texts) -> Texts:
        """Two conditions as one batch; those who are told nothing come last."""
        if first.silent:
            raise ValueError("items that are told nothing stand behind the others")
        length = max(first.valid.shape[1], second.valid.shape[1])
        first, second = first.padded(length), second.padded(length)
        memory = tuple(torch.cat(pair, 1) for pair in zip(first.memory, second.memory, strict=True))
        return Texts(memory, torch.cat([first.valid, second.valid]), second.silent)

    def embedded(self, codes: Tensor) -> Tensor:
        """codes [B, K, T] → the sum of their embeddings [B, T, dim]."""
        return sum(table(codes[:, k]) for k, table in enumerate(self.embed))

    def forward(self, codes: Tensor, stage: int, condition: Texts) -> Tensor:
        """codes [B, K, T] → features [B, T, dim] for `stage`."""
        window = self.config.window if stage > 0 else -1
        x = self.embedded(codes)
        x = x + positions(codes.shape[2], self.config.dim, codes.device).to(x.dtype)
        for layer, memory in zip(self.layers, condition.memory, strict=True):
            x = layer(x, window, memory, condition.valid)
        return self.norm(x)

    def logits(
        self,
        codes: Tensor,
        stage: int,
        condition: Texts,
        cells: Tensor,
        *,
        guide: tuple[float, float] | None = None,
    ) -> Tensor:
        """Logits [cells.sum(), 1, vocab] at the frames `cells` (bool [B, T]).

        As in `MaskedTransformer.logits`: guide is weight and rescale of guidance in hidden space.
        """
        device = self.norm.weight.device
        features, cells = self(codes.to(device), stage, condition), cells.to(device)
        if guide is not None:
            features = guided(*features.chunk(2), *guide, over=(1, 2))
            cells = cells.chunk(2)[0]
        return self.heads[stage](features[cells])[:, None].float().cpu()


class MagnetLayer(nn.Module):
    """Pre-norm: self-attention, the texts, feed-forward with the exact GELU; biases only in the norms."""

    def __init__(self, dim: int, heads: int, feed: int):
        super().__init__()
        self.norm_self, self.norm_cross, self.norm_feed = (nn.LayerNorm(dim) for _ in range(3))
        self.attention = Attention(dim, heads)
        self.cross = CrossAttention(dim, heads, dim)
        self.up = nn.Linear(dim, feed, bias=False)
        self.down = nn.Linear(feed, dim, bias=False)

    def forward(self, x: Tensor, window: int, memory: Tensor, heard: Tensor) -> Tensor:
        """x [B, T, dim]; memory [2, B, H, L, D] and heard [B, L] as in `Texts`."""
        x = x + self.attention(self.norm_self(x), window)
        told = len(heard)
        x[:told] += self.cross(self.norm_cross(x[:told]), memory, heard)
        return x + self.down(F.gelu(self.up(self.norm_feed(x))))


class Attention(nn.Module):
    """Self-attention without positions of its own, ±`window` frames (−1: all), [B, T, dim] → [B, T, dim]."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, window: int) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if not 0 <= window < x.shape[1] - 1:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = windowed_attention(q, k, v, window)
        return self.out(y.transpose(1, 2).flatten(2))


def positions(frames: int, dim: int, device: torch.device | None = None) -> Tensor:
    """[frames, dim]: cosines, then sines, of dim / 2 frequencies from 1 down to 1/10000."""
    half = dim // 2
    exponent = torch.arange(half, device=device).float() / (half - 1)
    period = torch.full((), 10000.0, device=device) ** exponent
    phase = torch.arange(frames, device=device).float()[:, None] / period
    return torch.cat([phase.cos(), phase.sin()], dim=-1)
