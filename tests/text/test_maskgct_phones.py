import hashlib

import pytest

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text.maskgct_phones import phones
from maskaudio.text.maskgct_symbols import SYMBOLS


def spelled(text: str, language: str = "en") -> str:
    return "|".join(SYMBOLS[i] for i in phones(text, language))


def test_the_table_is_the_published_one():
    """Its digest is that of the symbols of vocab.json, whose own digest begins with 0f5c44e0."""
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 363
    digest = hashlib.sha256("\n".join(SYMBOLS).encode()).hexdigest()
    assert digest.startswith("d1e1ba2afbf79103")
    assert [SYMBOLS.index(s) for s in (",", "_", "tʃ", "p⁼wo↓↑", "ɯ", "…")] == [0, 4, 42, 93, 318, 362]


# What Amphion's front end makes of these with phonemizer 3.4 and espeak-ng 1.52, which move with the latter.
READ = [
    ("en", "Hello world, this is a test.", "h|ə|l|oʊ|_|w|ɜː|l|d|,|ð|ɪ|s|_|ɪ|z|_|ɚ|_|t|ɛ|s|t|."),
    ("en", "Don't you? I do!", "d|ɑː|n|'|t|iː|_|j|uː|?|aɪ|_|d|uː|!"),
    ("en", "the tree's bats", "ð|ə|_|tɹ|iː|'|ɛ|s|_|b|æ|ts"),
    ("de", "Guten Tag; Köln", "ɡ|uː|t|ə|n|_|t|ɑː|k|,|k|œ|l|n"),
    ("fr", "un bon vin blanc", "œ̃|_|b|ɔ̃|_|v|ɛ̃|_|b|l|ɑ̃"),
    ("ko", "안녕하세요, 漢字 AI.", "ɐ|n|n|j|ʌ|ŋ|h|ɐ|s|e|j|o|,|e|i|ɐ|i|."),
]


@pytest.mark.parametrize(("language", "text", "want"), READ)
def test_reads_as_published(language, text, want):
    pytest.importorskip("espeakng_loader")
    known = "|".join(s for s in want.split("|") if s in SYMBOLS)
    assert spelled(text, language) == known


def test_numbers_and_abbreviations_are_read_by_our_normaliser():
    pytest.importorskip("espeakng_loader")
    assert spelled("Dr. Lee paid $5.") == spelled("Doctor Lee paid five dollars.")


def test_nothing_to_say():
    pytest.importorskip("espeakng_loader")
    assert phones("") == [] and phones(" ") == []


def test_without_espeak_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr("maskaudio.text.maskgct_phones.find_spec", lambda name: None)
    with pytest.raises(MaskaudioError, match="pip install 'maskaudio"):
        phones("hello")


@pytest.mark.parametrize("language", ["zh", "ja", "en-gb", "", "xx"])
def test_other_languages_are_refused_by_name(language):
    with pytest.raises(UsageError, match="en, de, fr, ko"):
        phones("hello", language)
