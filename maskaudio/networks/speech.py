"""The network of `maskaudio speak`: text → semantic tokens → acoustic tokens, in the voice of a prompt."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskaudio.networks.convnext import ConvNeXt
from maskaudio.networks.durations import SHORTEST, DurationPredictor, progress, spread
from maskaudio.networks.transformer import Condition, MaskedTransformer, TransformerConfig
from maskaudio.text.units import STRESSES, UNITS


@dataclass(frozen=True)
class SpeechConfig:
    """Shapes of both stages; `condition_dim` and `frames_dim` of both transformers must equal `dim`."""

    semantic: TransformerConfig
    acoustic: TransformerConfig
    dim: int = 256
    text_layers: int = 5
    context_layers: int = 3
    voice_layers: int = 3


class SpeechNetwork(nn.Module):
    """Two masked transformers and what their frames are asked to become."""

    def __init__(self, config: SpeechConfig):
        super().__init__()
        self.config = config
        self.text = TextReader(config.dim, config.text_layers)
        self.durations = DurationPredictor(config.dim)
        self.place = nn.Linear(2, config.dim)  # how long a frame's units last, how far they have come
        self.semantic = MaskedTransformer(config.semantic)
        self.said = nn.Embedding(config.semantic.vocab, config.dim)
        self.context = ConvNeXt(config.dim, config.context_layers)
        self.acoustic = MaskedTransformer(config.acoustic)
        self.voice = VoiceEncoder(config.acoustic.dim, config.dim, config.voice_layers)
        # what stands in the guidance rows
        self.no_text = nn.Parameter(torch.randn(config.dim) * 0.02)
        self.nothing_said = nn.Parameter(torch.randn(config.dim) * 0.02)
        self.nobody = nn.Parameter(torch.randn(config.dim) * 0.02)

    def asked(self, features: Tensor, durations: Tensor, frames: int) -> Tensor:
        """Features [B, n, dim] of units that last `durations` [B, n] frames → what each frame is to say."""
        share = spread(durations, frames)
        lasting = (share @ (durations + SHORTEST).log()[..., None])[..., 0]
        place = torch.stack([lasting, progress(durations, share)], -1)
        return share.to(features.dtype) @ features + self.place(place)

    def text_condition(
        self, asked: Tensor, dropped: Tensor | None = None, valid: Tensor | None = None
    ) -> Condition:
        """Stage 1: what each frame is to say, [B, T, dim] → a Condition.

        Items marked in `dropped` (bool [B]) are told nothing. valid: bool [B, T], which frames are an item's
        own and not what fills up the batch.
        """
        if dropped is not None:
            asked = torch.where(dropped[:, None, None], self.no_text.to(asked.dtype), asked)
        own = torch.ones_like(asked[..., :1]) if valid is None else valid[..., None].to(asked.dtype)
        mean = (asked * own).sum(1, keepdim=True) / own.sum(1, keepdim=True)
        return self.semantic.condition(mean, _all(mean), asked, valid)

    def speech_condition(
        self,
        tokens: Tensor,
        voice: Tensor,
        dropped: Tensor | None = None,
        asked: Tensor | None = None,
        told: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Condition:
        """Stage 2: semantic tokens [B, T] and a voice [B, dim] → a Condition.

        asked: what each frame is to say, [B, T, dim], known where `told` (bool [B, T]) is true; absent, it is
        known nowhere. Items marked in `dropped` (bool [B]) are told nothing but the voice. valid as above.
        """
        text = (
            self.no_text
            if asked is None
            else torch.where(told[..., None], asked, self.no_text.to(asked.dtype))
        )
        said = self.context(self.said(tokens) + text, valid)
        if dropped is not None:
            said = torch.where(dropped[:, None, None], self.nothing_said.to(said.dtype), said)
        return self.acoustic.condition(voice[:, None], _all(voice[:, None]), said, valid)

    def voice_of(self, codes: Tensor, nobody: Tensor | None = None) -> Tensor:
        """Codes of a prompt [B, K, T] → who speaks, [B, dim]; nobody where `nobody` (bool [B]) is true."""
        who = self.voice(self.acoustic.embedded(codes))
        return who if nobody is None else torch.where(nobody[:, None], self.nobody.to(who.dtype), who)


class TextReader(nn.Module):
    """Units (index, stress, long: int64 [B, n] each) → features [B, n, dim]."""

    def __init__(self, dim: int, layers: int):
        super().__init__()
        self.unit = nn.Embedding(len(UNITS), dim)
        self.stress = nn.Embedding(len(STRESSES), dim)
        self.long = nn.Embedding(2, dim)
        self.trunk = ConvNeXt(dim, layers)

    def forward(self, index: Tensor, stress: Tensor, long: Tensor, valid: Tensor | None = None) -> Tensor:
        return self.trunk(self.unit(index) + self.stress(stress) + self.long(long), valid)


class VoiceEncoder(nn.Module):
    """Embedded codes of a prompt [B, T, width] → one vector that says who speaks, [B, dim]."""

    def __init__(self, width: int, dim: int, layers: int):
        super().__init__()
        self.embed = nn.Linear(width, dim)
        self.trunk = ConvNeXt(dim, layers)
        self.out = nn.Linear(2 * dim, dim)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.trunk(self.embed(codes))
        return self.out(torch.cat([x.mean(1), x.float().std(1).to(x.dtype)], dim=-1))


def _all(rows: Tensor) -> Tensor:
    return torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
