"""Word-piece embeddings distilled from a sentence encoder: the open vocabulary of text prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import build
from maskaudio.errors import MaskaudioError


@dataclass(frozen=True)
class TextTableConfig:
    """Shape of a table: one row for each word piece."""

    rows: int
    dim: int = 128


class TextTable(nn.Module):
    """A frozen table of embeddings (made by `maskaudio.training.text_table`) and its tokenizer.

    The rows carry their weight: those of common words ("the", "sound") are short, those of telling words
    long, so that a plain mean over a text says what it is about.
    """

    def __init__(self, config: TextTableConfig):
        super().__init__()
        self.config, self.dim, self.size = config, config.dim, config.rows
        self.register_buffer("table", torch.zeros(config.rows, config.dim))
        self.tokenizer: Any = None

    @classmethod
    def load(cls, folder: Path) -> "TextTable":
        """The table in `folder`. Raises MaskaudioError where a file is missing, damaged or foreign."""
        table = build(cls, TextTableConfig, folder, "words")
        table.tokenizer = _load_tokenizer(folder / "tokenizer.json")
        if max(table.tokenizer.get_vocab().values(), default=-1) + 1 != table.size:
            raise MaskaudioError(f"{folder}: tokenizer and table do not fit; install the model again")
        return table

    def tokenize(self, texts: Sequence[str], limit: int = 64) -> tuple[Tensor, Tensor]:
        """B texts → ids int64 [B, L] and mask bool [B, L], True where a piece stands; 1 ≤ L ≤ `limit`.

        No [CLS] or [SEP]; pieces after the first `limit` are left out; an empty text has no True.
        """
        pieces = [self.tokenizer.encode(text).ids[:limit] for text in texts]
        length = max([1, *map(len, pieces)])
        ids = torch.tensor([row + [0] * (length - len(row)) for row in pieces]).long().view(-1, length)
        counts = torch.tensor([len(row) for row in pieces])
        return ids, torch.arange(length) < counts[:, None]

    def embed(self, ids: Tensor) -> Tensor:
        """ids [...] → embeddings float32 [..., dim]; a telling word's numbers are about 1 in size."""
        return self.table[ids]

    def pool(self, texts: Sequence[str]) -> Tensor:
        """B texts → the unit vectors [B, dim] of their summed embeddings (zero for an empty text)."""
        ids, mask = self.tokenize(texts)
        return F.normalize((self.embed(ids) * mask[..., None]).sum(1), dim=1)

    def similarity(self, text: str, texts: Sequence[str]) -> Tensor:
        """Cosine similarity of `text` with each of N `texts`: float32 [N]."""
        return self.pool(texts) @ self.pool([text])[0]

    def word(self, index: int) -> str:
        """The word piece of a row; "" for a row that stands for none."""
        return self.tokenizer.id_to_token(index) or ""

    def is_word(self, index: int) -> bool:
        """Whether a row is a whole word: not a continuation ("##ing"), a sign or a single letter."""
        word = self.word(index)
        return len(word) > 1 and word.isalpha()


def _load_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot read the tokenizer ({error.strerror})") from None
    except Exception:  # the Rust side raises nothing narrower
        raise MaskaudioError(f"{path}: damaged tokenizer; install the model again") from None
