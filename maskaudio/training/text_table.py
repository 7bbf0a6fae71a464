"""Distil a sentence encoder into a small table of word-piece embeddings.

    python -m maskaudio.training.text_table MODEL_DIR OUT_DIR

MODEL_DIR holds all-MiniLM-L6-v2 as Hugging Face lays it out; needs the `transformers` package. OUT_DIR
gets `table.safetensors` and `tokenizer.json`, what `maskaudio.text.table.TextTable` loads. The recipe is
Model2Vec's (Tulkens & van Dongen 2024): each word piece through the encoder by itself, then principal
components, then a weight by how common the piece is.
"""

import json
import os
import sys
from pathlib import Path

import torch
from torch import Tensor

from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError, UsageError

WIDTH = 128
COMMONNESS = 1e-3  # a piece of this probability keeps half of its length (SIF, Arora et al. 2017, eq. 4)
FIRST_WORD = 1996  # BERT's vocabulary: unused rows, single characters, then pieces from common to rare
FRAMING = ("sound", "sounds", "audio", "recording", "recorded", "clip", "effect", "effects", "hear", "heard")


def distil(model_dir: Path, out_dir: Path) -> None:
    """Write the table and the tokenizer of `model_dir` to `out_dir`. Raises MaskaudioError."""
    from safetensors.torch import save_file

    pieces, tokenizer = _read_tokenizer(model_dir / "tokenizer.json")
    used = torch.tensor([not piece.startswith("[unused") for piece in pieces])
    vectors = torch.zeros(len(pieces), WIDTH)
    vectors[used] = principal(_encode(model_dir, used.nonzero().flatten()), WIDTH)
    vectors *= torch.tensor(common_weights(pieces))[:, None]
    scale = (vectors.abs().amax(1) / 127).half()
    table = (vectors / scale.float().clamp(min=1e-8)[:, None]).round().clamp(-127, 127).to(torch.int8)

    out_dir.mkdir(parents=True, exist_ok=True)
    origin = {"format": "1", "source": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"}
    save_file({"table": table, "scale": scale}, out_dir / "table.part", metadata=origin)
    os.replace(out_dir / "table.part", out_dir / "table.safetensors")
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (out_dir / "tokenizer.part").write_text(text + "\n", encoding="utf-8")
    os.replace(out_dir / "tokenizer.part", out_dir / "tokenizer.json")


def principal(vectors: Tensor, width: int) -> Tensor:
    """[V, D] → the `width` first principal components [V, width], scaled to a mean square of 1."""
    centred = (vectors - vectors.mean(0)).double()
    _, axes = torch.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, -width:].flip(1)
    axes *= axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()  # so that a second run agrees
    reduced = centred @ axes
    return (reduced / reduced.square().mean().sqrt()).float()


def common_weights(pieces: list[str]) -> list[float]:
    """A weight in (0, 1] for each piece of BERT's vocabulary: near 0 for "the", near 1 for "hound".

    a / (a + p) with p from Zipf's law on the rank (SIF). Punctuation, single letters and the words that
    merely frame a description ("the sound of") count as the most common; digits are counts, and kept whole.
    """
    words = len(pieces) - FIRST_WORD
    total = sum(1 / (rank + 2) for rank in range(words))

    def weight(index: int, piece: str) -> float:
        if piece.removeprefix("##").isdigit():
            return 1.0
        rank = 0 if piece in FRAMING else max(index - FIRST_WORD, 0)
        return COMMONNESS / (COMMONNESS + 1 / (rank + 2) / total)

    return [weight(index, piece) for index, piece in enumerate(pieces)]


def _read_tokenizer(path: Path) -> tuple[list[str], dict]:
    """The pieces in order of id, and the tokenizer without special tokens, padding and unused rows."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        vocabulary = table["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: not the tokenizer of a BERT model") from None
    pieces = sorted(vocabulary, key=vocabulary.get)
    if pieces[FIRST_WORD : FIRST_WORD + 1] != ["the"]:
        raise UsageError(f"{path}: not BERT's uncased English vocabulary, whose order tells common from rare")
    kept = {piece: row for row, piece in enumerate(pieces) if not piece.startswith("[unused")}
    table["model"]["vocab"] = kept
    table |= {"truncation": None, "padding": None, "added_tokens": [], "post_processor": None}
    return pieces, table


@torch.inference_mode()
def _encode(model_dir: Path, ids: Tensor, batch: int = 1024) -> Tensor:
    """Mean-pooled, L2-normalised encoder output of [CLS] piece [SEP] for each of `ids`: [len(ids), D]."""
    load_torchaudio()  # transformers imports it
    try:
        from transformers import AutoModel
    except ImportError:
        raise MaskaudioError("distilling a text table needs transformers: pip install transformers") from None
    model = AutoModel.from_pretrained(model_dir, local_files_only=True).eval()
    cls, sep = 101, 102
    rows = []
    for part in ids.split(batch):
        inputs = torch.stack([torch.full_like(part, cls), part, torch.full_like(part, sep)], dim=1)
        pooled = model(inputs, attention_mask=torch.ones_like(inputs)).last_hidden_state.mean(1)
        rows.append(torch.nn.functional.normalize(pooled, dim=1))
    return torch.cat(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m maskaudio.training.text_table MODEL_DIR OUT_DIR")
    try:
        distil(Path(sys.argv[1]), Path(sys.argv[2]))
    except MaskaudioError as error:
        sys.exit(f"error: {error}")
