"""The network of `maskaudio generate`: a text encoder and a masked transformer."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from maskaudio.networks.ranker import Ranker, RankerConfig
from maskaudio.networks.text_encoder import TextConfig, TextEncoder
from maskaudio.networks.transformer import Condition, MaskedTransformer, TransformerConfig


@dataclass(frozen=True)
class SoundConfig:
    """Both shapes; `text.dim` must equal `transformer.condition_dim`."""

    transformer: TransformerConfig
    text: TextConfig = field(default_factory=TextConfig)
    ranker: RankerConfig | None = None  # what chooses among candidates


class SoundNetwork(nn.Module):
    """Text embeddings and a grid with holes → logits."""

    def __init__(self, config: SoundConfig):
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.text)
        self.transformer = t = MaskedTransformer(config.transformer)
        shape = config.ranker
        self.ranker = Ranker(shape, t.streams, t.vocab, config.text.dim) if shape else None

    def condition(self, embeddings: Tensor, valid: Tensor, dropped: Tensor | None = None) -> Condition:
        """Word-piece embeddings [B, L, table_dim], valid bool [B, L] → a Condition for decoding.

        Items marked in `dropped` (bool [B]) get the "no text" condition.
        """
        memory, valid = self.text(embeddings, valid)
        if dropped is not None:
            memory, valid = self.text.drop(memory, valid, dropped)
        return self.transformer.condition(memory, valid)

    def fits(self, codes: Tensor, embeddings: Tensor, valid: Tensor) -> Tensor:
        """How well codes [B, K, T] fit texts (word-piece embeddings as above): cosines [B]."""
        memory, _ = self.text(embeddings, valid)
        return (self.ranker.of_codes(codes) * self.ranker.of_text(memory[:, 0])).sum(-1)
