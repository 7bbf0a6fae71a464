"""Word-piece embeddings distilled from a sentence encoder: the open vocabulary of text prompts."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.errors import MaskaudioError


class TextTable:
    """A frozen table of embeddings (made by `maskaudio.training.text_table`) and its tokenizer.

    The rows carry their weight: those of common words ("the", "sound") are short, those of telling words
    long, so that a plain mean over a text says what it is about.
    """

    def __init__(self, table: Tensor, scale: Tensor, tokenizer: object):
        self._rows = table.float() * scale.float()[:, None]  # [V, dim]
        self._tokenizer = tokenizer
        self.dim = table.shape[1]

    @classmethod
    def load(cls, folder: Path) -> "TextTable":
        """The table in `folder`. Raises MaskaudioError where a file is missing, damaged or foreign."""
        tokenizer = _load_tokenizer(folder / "tokenizer.json")
        tensors = _load_tensors(folder / "table.safetensors")
        table, scale = tensors.get("table"), tensors.get("scale")
        rows = max(tokenizer.get_vocab().values()) + 1
        if table is None or scale is None or table.dim() != 2 or not len(table) == len(scale) == rows:
            raise MaskaudioError(f"{folder}: text table and tokenizer do not fit; install the model again")
        return cls(table, scale, tokenizer)

    def tokenize(self, texts: Sequence[str], limit: int = 64) -> tuple[Tensor, Tensor]:
        """B texts → ids int64 [B, L] and mask bool [B, L], True where a piece stands; 1 ≤ L ≤ `limit`.

        No [CLS] or [SEP]; pieces after the first `limit` are left out; an empty text has no True.
        """
        pieces = [encoding.ids[:limit] for encoding in self._tokenizer.encode_batch(list(texts))]
        length = max([1, *map(len, pieces)])
        ids = torch.tensor([row + [0] * (length - len(row)) for row in pieces]).view(-1, length)
        counts = torch.tensor([len(row) for row in pieces])
        return ids.long(), torch.arange(length) < counts[:, None]

    def embed(self, ids: Tensor) -> Tensor:
        """ids [B, L] → embeddings float32 [B, L, dim]; a number is about 1 in size for telling words."""
        return self._rows[ids]

    def pool(self, texts: Sequence[str]) -> Tensor:
        """B texts → the unit vectors [B, dim] of their summed embeddings (zero for an empty text)."""
        ids, mask = self.tokenize(texts)
        return F.normalize((self.embed(ids) * mask[..., None]).sum(1), dim=1)

    def similarity(self, text: str, texts: Sequence[str]) -> Tensor:
        """Cosine similarity of `text` with each of N `texts`: float32 [N]."""
        return self.pool(texts) @ self.pool([text])[0]


def _load_tokenizer(path: Path) -> object:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot read the tokenizer ({error.strerror})") from None
    except Exception:  # what the Rust side raises is a bare Exception
        raise MaskaudioError(f"{path}: damaged tokenizer; install the model again") from None


def _load_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise MaskaudioError(f"{path}: the text table is missing; install the model again") from None
    except (SafetensorError, OSError) as error:
        raise MaskaudioError(f"{path}: damaged text table ({error}); install the model again") from None
