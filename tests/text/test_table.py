"""The shipped word table: what it is made of, and that it knows what words mean."""

import json
import shutil

import pytest
import torch

from maskaudio.checkpoints.registry import find_model
from maskaudio.errors import MaskaudioError
from maskaudio.text.table import TextTable
from maskaudio.training.text_table import common_weights, principal


@pytest.fixture(scope="module")
def folder():
    return find_model("words", "words")


@pytest.fixture(scope="module")
def table(folder):
    return TextTable.load(folder)


def test_tokens_are_padded_and_masked(table):
    ids, mask = table.tokenize(["a dog barking", "Rain!", ""])
    assert ids.shape == mask.shape == (3, 3) and ids.dtype == torch.int64 and mask.dtype == torch.bool
    assert mask.sum(1).tolist() == [3, 2, 0]
    assert [table.word(i) for i in ids[0]] == ["a", "dog", "barking"]
    assert [table.word(i) for i in ids[1, :2]] == ["rain", "!"]


def test_long_texts_are_cut_and_no_text_has_one_column(table):
    ids, mask = table.tokenize(["dog " * 100], limit=7)
    assert ids.shape == (1, 7) and mask.all()
    ids, mask = table.tokenize(["", ""])
    assert ids.shape == (2, 1) and not mask.any()


@pytest.mark.parametrize(
    "text", ["日本語 🎵", "naïve café", "\x00\x07", "ə" * 5000, "[PAD] [CLS]", "x" * 300]
)
def test_any_text_gives_finite_embeddings(table, text):
    ids, mask = table.tokenize([text])
    embedded = table.embed(ids)
    assert embedded.shape == (*ids.shape, 128) and embedded.dtype == torch.float32
    assert embedded.isfinite().all() and mask.shape == ids.shape
    assert table.similarity(text, ["a dog"]).isfinite().all()


def test_a_text_is_most_like_itself_and_next_what_means_the_same(table):
    texts = ["hound barking", "a dog barking", "rain on a roof", "a solo violin"]
    similar = table.similarity("hound barking", texts).tolist()
    assert similar[0] == pytest.approx(1.0, abs=1e-5)
    assert similar == sorted(similar, reverse=True) or similar[1] == max(similar[1:])
    assert similar[1] > 0.7 and max(similar[2:]) < 0.3


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("hound", {"dog", "hounds", "canine"}),
        ("downpour", {"rain", "raining"}),
        ("locomotive", {"train", "railway"}),
        ("automobile", {"car", "vehicle"}),
        ("violin", {"viola", "cello"}),
        ("modem", {"dial", "telecommunications"}),
    ],
)
def test_neighbours(table, word, near):
    found = (torch.nn.functional.normalize(table.table, dim=1) @ table.pool([word])[0]).topk(15).indices
    assert near <= {table.word(int(i)) for i in found}


def test_common_words_are_short_and_counts_are_not(table):
    def length(word):
        return table.embed(table.tokenize([word])[0]).norm().item()

    assert max(length(w) for w in ("the", "of", "sound", "a", "!")) < 0.5
    assert min(length(w) for w in ("dog", "thunder", "slow", "3")) > 5
    assert length("two") > 2
    framed = table.similarity("the sound of a train", ["train"])[0]
    assert framed > 0.99


def test_names_of_sounds_are_whole_words(table, folder):
    words = (folder / "words.txt").read_text().split()
    ids, mask = table.tokenize(words)
    assert (mask.sum(1) == 1).all()
    assert all(table.is_word(i) for i in ids[:, 0].tolist())
    assert not any(table.is_word(i) for i in table.tokenize(["!"])[0][0].tolist())


def test_weights_follow_the_formula():
    pieces = ["[unused]"] * 1990 + ["3", "!"] + ["x"] * 4 + ["the", "of", "sound", "hound"]
    weights = common_weights(pieces)
    total = sum(1 / (rank + 2) for rank in range(4))
    assert weights[1990] == 1.0  # a digit
    assert weights[1996] == pytest.approx(1e-3 / (1e-3 + 1 / 2 / total))
    assert weights[1991] == weights[1998] == weights[1996]  # punctuation and framing as common as "the"
    assert weights[1997] == pytest.approx(1e-3 / (1e-3 + 1 / 3 / total))


def test_principal_components_keep_what_varies_most():
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(500, 3, generator=generator) * torch.tensor([5.0, 2.0, 1.0])
    vectors = hidden @ torch.linalg.qr(torch.randn(20, 20, generator=generator))[0][:3] + 7.0
    reduced = principal(vectors, 3)
    assert reduced.square().mean().item() == pytest.approx(1.0, abs=1e-4)
    distances = torch.pdist(reduced) / torch.pdist(vectors)
    assert (distances / distances.mean() - 1).abs().max() < 1e-3  # a rotation and one scale, nothing lost
    assert reduced[:, 0].var() > reduced[:, 1].var() > reduced[:, 2].var()


def test_a_damaged_table_is_named(folder, tmp_path):
    copy = tmp_path / "words"
    shutil.copytree(folder, copy)
    tokenizer = copy / "tokenizer.json"
    whole = tokenizer.read_text(encoding="utf-8")
    tokenizer.write_text(whole[:1000], encoding="utf-8")
    with pytest.raises(MaskaudioError, match="damaged tokenizer"):
        TextTable.load(copy)
    other = json.loads(whole)
    other["model"]["vocab"] = {"[UNK]": 0, "dog": 1}
    tokenizer.write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(MaskaudioError, match="do not fit"):
        TextTable.load(copy)
    tokenizer.unlink()
    with pytest.raises(MaskaudioError, match="cannot read the tokenizer"):
        TextTable.load(copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(MaskaudioError, match="damaged weights"):
        TextTable.load(copy)
