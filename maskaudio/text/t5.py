"""Texts as the encoder of a T5 (arXiv 1910.10683) has it, by transformers: what MAGNeT is told."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskaudio.checkpoints.catalogue import TEXT_ENCODER_FILES
from maskaudio.checkpoints.hub import fetch
from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError

PAD = 0


@dataclass(frozen=True)
class T5:
    """A text encoder and its tokeniser."""

    encoder: Any  # transformers.T5EncoderModel
    tokeniser: Any  # tokenizers.Tokenizer

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """States [B, L, width] of `texts`, and which of them are the texts' own, bool [B, L]."""
        ids, valid = self.tokenise(texts)
        return self.states(ids, valid), valid

    def tokenise(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids [B, L] int64, each text's closed by its end token, and which of them are no padding [B, L]."""
        rows = [encoding.ids for encoding in self.tokeniser.encode_batch(list(texts))]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
        return ids, torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in rows])

    @torch.inference_mode()
    def states(self, ids: Tensor, valid: Tensor) -> Tensor:
        """Ids and valid [B, L] → the last hidden states [B, L, width]."""
        device = self.encoder.device
        return self.encoder(ids.to(device), attention_mask=valid.to(device).long()).last_hidden_state


@functools.lru_cache(maxsize=1)
def load_t5(name: str, device: str = "cpu") -> T5:
    """The text encoder of a folder, or of a name on the hub; loaded once per process.

    Raises MaskaudioError where transformers is missing, or the model is not here and cannot be fetched.
    """
    from tokenizers import Tokenizer

    folder = Path(name) if Path(name).is_dir() else fetch(name, TEXT_ENCODER_FILES)
    try:
        tokeniser = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise MaskaudioError(f"{folder}/tokenizer.json: cannot be read ({error})") from None
    tokeniser.no_padding()
    tokeniser.no_truncation()
    return T5(load_encoder(folder).to(device), tokeniser)


def load_encoder(folder: Path) -> Any:
    """The T5EncoderModel of transformers in a folder. Raises MaskaudioError where there is none."""
    load_torchaudio()  # transformers imports it
    try:
        import transformers
    except ModuleNotFoundError:
        raise MaskaudioError(
            'published models read texts with transformers: pip install "maskaudio[published]"'
        ) from None
    transformers.logging.set_verbosity_error()  # it counts up the decoder's weights, which nobody needs
    transformers.logging.disable_progress_bar()
    try:
        encoder = transformers.T5EncoderModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except Exception as error:  # of files, of settings, of shapes; each has its own
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MaskaudioError(f"{folder}: not a whole T5 text encoder ({why})") from None
    return encoder.float().eval().requires_grad_(False)
