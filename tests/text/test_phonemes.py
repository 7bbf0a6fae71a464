"""Text as phones: what engines agree on with the training corpus, and that nothing breaks them."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text.phonemes import Given, phonemise, phonemise_parts
from maskaudio.text.phones import PHONES, check_phones

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "data" / "speech" / "metadata.jsonl"
needs_espeak = pytest.mark.skipif(not find_spec("espeakng_loader"), reason="needs the extra `espeak`")
ENGINES = ["lexicon", pytest.param("espeak", marks=needs_espeak)]


def errors(right: str, found: str) -> tuple[int, int]:
    """Edit distance over phones alone (no stress, length, spaces or pauses), and how many there are."""
    right, found = ("".join(s for s in symbols if s in PHONES) for symbols in (right, found))
    row = list(range(len(found) + 1))
    for i, a in enumerate(right, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(found, 1):
            previous, row[j] = row[j], min(previous + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1], len(right)


@pytest.mark.skipif(not CORPUS.is_file(), reason="needs the training corpus")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("language", ["en-us", "en-gb"])
def test_engines_read_as_the_corpus_was_read(engine, language):
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    rows = [r for r in rows if r["split"] == "valid" and "symbols" in r and r["lang"] == language]
    rows = [r for r in rows if not re.search(r"\d{3}", r["text"])]  # it says "and" and years in its own way
    assert len(rows) > 45
    counts = [errors(row["symbols"], phonemise(row["text"], language, engine=engine)) for row in rows]
    rate = sum(wrong for wrong, _ in counts) / sum(all_ for _, all_ in counts)
    assert rate < {"lexicon": 0.025, "espeak": 0.002}[engine]


@pytest.mark.parametrize(
    ("text", "american", "british"),
    [
        ("Hello, world!", "həlˈO, wˈɜɹld!", "həlˈQ, wˈɜːld!"),
        ("He is in the house.", "hi ɪz ɪnðə hˈWs.", "hiː ɪz ɪnðə hˈWs."),
        ("the end of a city", "ðɪ ˈɛnd əvə sˈɪTi", "ðɪ ˈɛnd əvə sˈɪti"),
        ("every minute", "ˈɛvɹi mˈɪnɪt", "ˈɛvɹɪ mˈɪnɪt"),
        ("ninety-nine", "nˈInti nˈIn", "nˈInti nˈIn"),
        ("after the dance", "ˈæftəɹ ðə dˈæns", "ˈaftə ðə dˈans"),
        ("a father", "ə fˈɑðəɹ", "ə fˈɑːðə"),
        ("wait... what?!", "wˈAt, wˌʌt?", "wˈAt, wˌɒt?"),
    ],
)
def test_the_corpus_says_it_this_way(text, american, british):
    assert phonemise(text, "en-us") == american
    assert phonemise(text, "en-gb") == british


def test_the_word_around_it_decides():
    assert phonemise("I will read it.") != phonemise("I have read it.").replace("hæv", "wɪl")


def test_unknown_words_are_read_by_the_network():
    phones = phonemise("Zorblax and maskaudio")
    check_phones(phones)
    assert len([s for s in phones if s in PHONES]) > 12


@pytest.mark.parametrize("engine", ENGINES)
def test_given_phones_stay_and_their_neighbours_keep_their_words(engine):
    parts = ["Say the ", Given("ˈæpᵊl"), ", and a ", Given("TTT"), "."]
    found = phonemise_parts(parts, engine=engine)
    assert re.fullmatch(r"sˈA ð[əɪ] ˈæpᵊl, ænd (ə|ˈA) TTT\.", found)
    assert phonemise_parts([Given("həlˈO")], engine=engine) == "həlˈO"


@pytest.mark.parametrize(
    "text", ["", " ", "...", "日本", "\x00", "[x](/y/)", "'", "-", "1" * 300, "a." * 300, "a-" * 300]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_odd_texts(text, engine):
    check_phones(phonemise(text, engine=engine))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=50), st.text(alphabet="abeirstT'-. ,1$%&/[]()A", max_size=50)))
def test_any_text_ends_in_the_inventory(text):
    for language in ("en-us", "en-gb"):
        phones = phonemise(text, language)
        check_phones(phones)
        assert phones == " ".join(phones.split()) and not phones.startswith((".", ",", "?", "!", ":", ";"))


@needs_espeak
@settings(max_examples=50, deadline=None)
@given(st.text(max_size=50))
def test_espeak_ends_in_the_inventory_too(text):
    check_phones(phonemise(text, "en-gb", engine="espeak"))


def test_another_language_or_engine_is_refused():
    with pytest.raises(UsageError, match="language 'fr': choose en-us or en-gb"):
        phonemise("Bonjour", "fr")
    with pytest.raises(UsageError, match="engine 'festival': choose lexicon or espeak"):
        phonemise("Hello", engine="festival")


def test_espeak_is_asked_for_where_it_is_not_installed(monkeypatch):
    from maskaudio.text import espeak

    espeak.load.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "espeakng_loader", None)
    with pytest.raises(MaskaudioError, match=r"maskaudio\[espeak\]"):
        phonemise("Hello", engine="espeak")
    espeak.load.cache_clear()
