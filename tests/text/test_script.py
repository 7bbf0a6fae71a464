"""Whole texts: sentences, pauses, tags, phonemes in place, the user's own words."""

import re
import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text.phones import check_phones
from maskaudio.text.script import (
    CLAUSE_PAUSE,
    MAX_SYMBOLS,
    PARAGRAPH_PAUSE,
    SENTENCE_PAUSE,
    Sentence,
    read_pronunciations,
    read_script,
)

ROOT = Path(__file__).resolve().parents[2]


def texts(script: str) -> list[str]:
    return [sentence.text for sentence in read_script(script)]


def test_sentences_and_their_pauses():
    assert list(read_script("Hello there. How are you?\n\nFine")) == [
        Sentence("Hello there.", "həlˈO ðˈɛɹ.", SENTENCE_PAUSE),
        Sentence("How are you?", "hˌW ɑɹ ju?", PARAGRAPH_PAUSE),
        Sentence("Fine", "fˈIn.", 0.0),
    ]


@pytest.mark.parametrize(
    "whole",
    [
        "Dr. Smith met Mr. J. R. R. Tolkien at 3.5 km.",
        "He lives in the U.S. with 5.4 million others.",
        "It starts on Jan. 5 at 5 p.m. sharp.",
        "See example.com. and www.example.org/a.b?c for more.",
        "“What?” he said. “Really!” she said.",
        "Fig. 3 and No. 7 on p. 12, e.g. this, etc. and so on.",
        "Well... maybe not",
        "1. The first item",
    ],
)
def test_no_sentence_ends_here(whole):
    pieces = texts(whole)
    assert pieces == [whole] if "“" not in whole else len(pieces) == 2


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It was no. He left.", 2),
        ("He came at 5 p.m. The end.", 2),
        ("That was it, etc. Then he left.", 2),
        ("One!Two! Three? four. Five", 3),
        ("“Stop!” He ran.", 2),
        ("So am I. Good.", 2),
        ("things:\n- one\n- two\n3. three", 4),
        ("hello. how are you. fine.", 3),
        ("wrapped\nat the\nmargin", 1),
    ],
)
def test_sentences_end_here(text, count):
    assert len(texts(text)) == count


def test_long_sentences_are_cut_at_clauses_and_never_in_words():
    long = "The quick brown fox jumps over the lazy dog, and then it runs away because it is afraid " * 6
    pieces = list(read_script(long))
    assert len(pieces) > 3 and all(len(piece.phones) <= MAX_SYMBOLS for piece in pieces)
    assert " ".join(piece.text for piece in pieces) == " ".join(long.split())
    assert all(piece.pause == CLAUSE_PAUSE and piece.phones[-1] in ",.;" for piece in pieces[:-1])
    assert all(piece.text.endswith(",") or "," not in piece.text for piece in pieces[:2])
    assert len(texts("Two words.")) == 1


def test_a_word_longer_than_a_sentence_has_its_text_once():
    pieces = list(read_script("https://example.com/" + "a/very/long/path/" * 15))
    assert len(pieces) > 1 and pieces[0].text.startswith("https") and {p.text for p in pieces[1:]} == {""}
    assert all(len(piece.phones) <= MAX_SYMBOLS for piece in pieces)


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ("[pause 500ms]", 0.5),
        ("[pause 1.5s]", 1.5),
        ("[PAUSE 0s]", 0.0),
        ('<break time="500ms"/>', 0.5),
        ("<break time='10s'>", 10.0),
        ('<break time = "250ms" ></break>', 0.25),
        ("[pause 1s] [pause 500ms]", 1.5),
    ],
)
def test_pauses_are_as_long_as_they_say(tag, seconds):
    first, second = read_script(f"One {tag} two.")
    assert first == Sentence("One", "wˈʌn,", seconds, told=True) and second == Sentence("two.", "tˈu.", 0.0)
    before, _ = read_script(f"{tag} One.") if seconds else (Sentence("", "", 0.0, told=True), None)
    assert before == Sentence("", "", seconds, told=True)
    (after,) = read_script(f"One. {tag}")
    assert after == Sentence("One.", "wˈʌn.", seconds, told=True)


@pytest.mark.parametrize(
    "text",
    [
        "[pause 11s] a",
        "[pause] a",
        "[pause 5] a",
        "[pause -1s] a",
        "<break/> a",
        '<break time="1h"/> a',
        "<speak>a</speak>",
        '<emphasis level="strong">a</emphasis>',
        "<b>a</b>",
        "<!-- a --> b",
    ],
)
def test_other_tags_are_refused_by_name_and_at_once(text):
    tag = re.match(r"[\[<].*?[\]>]", text).group()
    with pytest.raises(UsageError, match=re.escape(tag)):
        read_script(text)


def test_signs_are_no_tags():
    assert texts("3 < 5 and 7 > 5, I <3 you, a <b and c> d, <https://example.com>")


@pytest.mark.parametrize("text", ["", " \n\n ", "🎵", "...", "[pause 1s]", "日本語"])
def test_nothing_to_say(text):
    with pytest.raises(UsageError, match="nothing to say"):
        list(read_script(text))


def test_phonemes_in_place():
    (sentence,) = read_script("Say [[həˈloʊ]], the [[ˈæpəl]]'s gone.")
    assert sentence.phones == "sˈA həlˈO, ðɪ ˈæpᵊlz ɡˈɔn."
    assert sentence.text == "Say /həˈloʊ/, the /ˈæpəl/'s gone."
    for bad in ("[[h3]]", "[[]]", "[[, ]]"):
        with pytest.raises(UsageError):
            read_script(f"A {bad} b")


def test_own_pronunciations():
    own = {"Siobhan": "ʃɪˈvɔːn", "new york": "ˈnʊ ˈjɔk", "GIF": "dʒɪf"}
    (sentence,) = read_script("SIOBHAN's gif of New\nYork, not gifts.", pronunciations=own)
    assert sentence.phones.startswith("ʃɪvˈɔnz ʤɪf ʌv nˈʊ jˈɔk, nˌɑt ɡˈɪfts")
    with pytest.raises(UsageError, match=r"pronunciation of 'x': .*'3'"):
        read_script("x", pronunciations={"x": "3"})
    assert "ʤɪf" not in next(read_script("gif.example.com", pronunciations=own)).phones


def test_a_file_of_pronunciations(tmp_path):
    path = tmp_path / "words.txt"
    lines = "# mine\nSiobhan\tʃɪˈvɔːn  # Irish\nNew York  nuː jɔːk\nGIF=dʒɪf\n\n"
    path.write_text(lines, encoding="utf-8-sig")
    assert read_pronunciations(path) == {"Siobhan": "ʃɪˈvɔːn", "New York": "nuː jɔːk", "GIF": "dʒɪf"}
    for line, problem in (("word", "is not a word"), ("word\t3", "'3'"), ("word\t", "is not a word")):
        path.write_text(f"a\tə\n{line}\n", encoding="utf-8")
        with pytest.raises(UsageError, match=rf"line 2: .*{problem}"):
            read_pronunciations(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_pronunciations(path)
    with pytest.raises(MaskaudioError, match="cannot read"):
        read_pronunciations(tmp_path / "none.txt")


def test_a_megabyte_is_read_as_it_is_asked_for():
    text = "The quick brown fox jumps over the lazy dog. " * 25_000
    next(read_script("warm"))
    tracemalloc.start()
    count = sum(1 for _ in islice(read_script(text), 200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200 and peak < 8 * len(text)


@pytest.mark.parametrize("sign", ["x", ".", "a-", "a.", "[[", "<a ", "1", "\n", "…", "'", "@", "a/", "1,"])
def test_no_sign_without_end_takes_for_ever(sign):
    try:
        for sentence in islice(read_script(sign * 3000), 20):
            assert len(sentence.phones) <= MAX_SYMBOLS
    except UsageError:
        pass


WORDS = st.lists(
    st.sampled_from(
        (
            "the",
            "cat,",
            "sat.",
            "on;",
            "Dr.",
            "Smith's",
            "mat!",
            "3.5",
            "U.S.",
            "it's",
            "\n\n",
            "and?",
            "etc.",
        )
        + ("[pause 1s]", "[[ˈkæt]]", "(so)", "“yes.”", "🎵")
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(st.one_of(WORDS.map(" ".join), st.text(max_size=80)))
def test_any_text_gives_sentences_or_a_usage_error(text):
    try:
        script = list(read_script(text))
    except UsageError:
        return
    for sentence in script:
        check_phones(sentence.phones)
        assert len(sentence.phones) <= MAX_SYMBOLS and sentence.pause >= 0
        assert sentence.phones[-1:] in tuple(".,?!:;") or (sentence.text == "" and sentence is script[0])
    kept = " ".join(sentence.text for sentence in script).split()
    assert set(re.findall(r"(?<!\S)[a-z']+[.,;?!]?(?!\S)", text)) <= set(kept)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_pauses_add_up(lengths):
    script = list(read_script(" ".join(f"[pause {n}ms] word" for n in lengths)))
    assert sum(s.pause for s in script) == pytest.approx(sum(lengths) / 1000)


def test_importing_it_imports_nothing_heavy():
    code = "import sys, maskaudio.text.script; print(*{n.split('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert not {"torch", "numpy", "onnxruntime", "hibari"} & set(done.stdout.decode().split())
    code = "import sys, maskaudio.text.script as s; list(s.read_script('Hello there.'))"
    code += "; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().split() == ["False"]
