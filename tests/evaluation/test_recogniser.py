"""What counts as an error of words and phones, and what does not."""

import pytest

from maskaudio.errors import UsageError
from maskaudio.evaluation.recogniser import Phones, Whisper, plain_words


def whisper() -> Whisper:
    """One that can count, but has nothing to hear with."""
    ear = object.__new__(Whisper)
    ear.language, ear.jiwer = "en-us", pytest.importorskip("jiwer")
    return ear


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 25 % off - Dr. Lee's idea!", "its twenty five percent off doctor lees idea"),
        ("He paid $3.50 in 1984.", "he paid three dollars and fifty cents in nineteen eighty four"),
        ("Two hundred and nine grey harbours", "two hundred nine gray harbours"),
        ("…", ""),
    ],
)
def test_only_words_count(text, words):
    assert plain_words(text) == words


def test_word_error_is_edits_over_the_words_of_the_text():
    ear = whisper()
    parts = ear.errors(ear.expected("The cat sat."), "the hat sat down")
    assert parts["wer"] == (2, 3)
    assert parts["cer"] == (1 + len(" down"), len("the cat sat"))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("flight one sixty two", "Flight 162."),
        ("flight one hundred and sixty two", "flight 162"),
        ("call five five five one two", "Call 55512"),
        ("at nine forty five", "at 945"),
        ("In 2024, 3 men", "in twenty twenty four three men"),
    ],
)
def test_digits_are_no_errors(text, heard):
    ear = whisper()
    assert ear.errors(ear.expected(text), heard)["wer"][0] == 0


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no recogniser"):
        Whisper(tmp_path)


def test_phones_of_a_text_and_their_errors():
    pytest.importorskip("jiwer")
    ear = Phones({})
    assert ear.expected("cat") == "k æ t"
    assert ear.expected("…!") == ""
    assert ear.errors("k æ t", "k ɑ t s") == {"per": (2, 3)}
