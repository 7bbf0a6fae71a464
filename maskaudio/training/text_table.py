"""Distil a sentence encoder into a small table of word-piece embeddings.

    python -m maskaudio.training.text_table MODEL_DIR OUT_DIR

MODEL_DIR holds all-MiniLM-L6-v2 as Hugging Face lays it out; needs the `transformers` package. OUT_DIR
becomes a model folder of kind "words", which `maskaudio.text.table.TextTable` loads. The recipe is
Model2Vec's (Tulkens & van Dongen 2024): each word piece through the encoder by itself, then principal
components, then a weight by how common the piece is. OUT_DIR/words.txt may list whole words, one a line,
to add to the vocabulary: names of sounds are rare in prose, so "moo" would be the pieces "mo" and "##o".
"""

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from maskaudio.checkpoints.folder import save_model
from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import write_file
from maskaudio.text.table import TextTable, TextTableConfig

WIDTH = 128
COMMONNESS = 1e-3  # a piece of this probability keeps half of its length (SIF, Arora et al. 2017, eq. 4)
FIRST_WORD = 1996  # BERT's vocabulary: unused rows, single characters, then pieces from common to rare
ABOUT = {
    "summary": "word pieces as vectors of meaning, what prompts are read with",
    "licence": "Apache-2.0",
    "status": "distilled from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
}
FRAMING = ("sound", "sounds", "audio", "recording", "recorded", "clip", "effect", "effects", "hear", "heard")


def distil(model_dir: Path, out_dir: Path) -> None:
    """Write the table and the tokenizer of `model_dir` to `out_dir`. Raises MaskaudioError."""
    pieces, tokenizer = _read_tokenizer(model_dir / "tokenizer.json")
    spelled = [[row] for row in range(len(pieces))] + _add_words(out_dir / "words.txt", pieces, tokenizer)
    used = torch.tensor([not piece.startswith("[unused") for piece in pieces])
    module = TextTable(TextTableConfig(len(pieces), WIDTH))
    module.table[used] = principal(_encode(model_dir, [spelled[row] for row in used.nonzero()]), WIDTH)
    module.table *= torch.tensor(common_weights(pieces))[:, None]

    save_model(out_dir, "words", module.config, module, about=ABOUT | {"parameters": module.table.numel()})
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n"
    write_file(out_dir / "tokenizer.json", text.encode())


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


def _add_words(path: Path, pieces: list[str], tokenizer: dict) -> list[list[int]]:
    """Append the words in `path` to `pieces` and `tokenizer`; the ids that spelled each one until now."""
    from tokenizers import Tokenizer

    words = path.read_text(encoding="utf-8").split() if path.is_file() else []
    speller, vocabulary = Tokenizer.from_str(json.dumps(tokenizer)), tokenizer["model"]["vocab"]
    spelled = []
    for word in words:
        if word not in vocabulary:
            spelled.append(speller.encode(word).ids)
            vocabulary[word] = len(pieces)
            pieces.append(word)
    return spelled


@torch.inference_mode()
def _encode(model_dir: Path, texts: list[list[int]], batch: int = 1024) -> Tensor:
    """Mean-pooled, L2-normalised encoder output of [CLS] ids [SEP] for each of `texts`: [len(texts), D]."""
    load_torchaudio()  # transformers imports it
    try:
        from transformers import AutoModel
    except ImportError:
        raise MaskaudioError("distilling a text table needs transformers: pip install transformers") from None
    model = AutoModel.from_pretrained(model_dir, local_files_only=True).eval()
    cls, sep, pad = 101, 102, 0
    rows = []
    for start in range(0, len(texts), batch):
        part = [[cls, *ids, sep] for ids in texts[start : start + batch]]
        length = max(map(len, part))
        inputs = torch.tensor([ids + [pad] * (length - len(ids)) for ids in part])
        mask = (inputs != pad).long()
        mask[inputs[:, 1] == pad, 1] = 1  # the row of [PAD] itself
        output = model(inputs, attention_mask=mask).last_hidden_state
        pooled = (output * mask[..., None]).sum(1)
        rows.append(torch.nn.functional.normalize(pooled, dim=1))
    return torch.cat(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m maskaudio.training.text_table MODEL_DIR OUT_DIR")
    try:
        distil(Path(sys.argv[1]), Path(sys.argv[2]))
    except MaskaudioError as error:
        sys.exit(f"error: {error}")
