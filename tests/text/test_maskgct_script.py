import pytest

from maskaudio.errors import UsageError
from maskaudio.text.maskgct_script import LETTERS, sentences


def test_english_is_read_as_for_our_own_models():
    read = list(sentences("Hello. [pause 200ms] How are you?\n\nFine.", "en"))
    assert [(s.text, s.pause) for s in read] == [("Hello.", 0.2), ("How are you?", 0.7), ("Fine.", 0.0)]


def test_other_languages_are_cut_at_sentences_and_long_ones_at_clauses():
    read = list(sentences("Guten Tag. Wie geht es?\n\nGut.", "de"))
    assert [(s.text, s.pause) for s in read] == [("Guten Tag.", 0.3), ("Wie geht es?", 0.7), ("Gut.", 0.0)]
    text = ", ".join(["und so weiter"] * 40) + "."
    read = list(sentences(text, "de"))
    assert len(read) > 2 and all(len(s.text) <= LETTERS["de"] for s in read)
    assert " ".join(s.text for s in read) == text
    (word,) = sentences("x" * 500, "fr")  # no gap to cut at
    assert word.text == "x" * 500


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("[[həˈloʊ]]", "en", "no phonemes"),
        ("Tag. [pause 1s] Tag.", "de", "English only"),
        ('Tag. <break time="1s"/> Tag.', "fr", "English only"),
        (" ", "ko", "nothing to say"),
        ("", "en", "nothing to say"),
    ],
)
def test_what_cannot_be_read(text, language, said):
    with pytest.raises(UsageError, match=said):
        list(sentences(text, language))
