"""The sentences of a text for MaskGCT, with the silence after each: English as for our own models."""

import re
from collections.abc import Iterator
from dataclasses import replace

from maskaudio.errors import UsageError
from maskaudio.text import sentences as cuts
from maskaudio.text.script import CLAUSE_PAUSE, PARAGRAPH_PAUSE, SENTENCE_PAUSE, Sentence, read_script

LETTERS = {"de": 200, "fr": 200, "ko": 70}  # of a cut: about 12 seconds


def sentences(text: str, language: str) -> Iterator[Sentence]:
    """Sentences of `text`, whose `phones` do not count here; the last one has no pause unless it says so.

    language: as text/maskgct_phones.py has it. [pause 500ms] and the like are read in English. Raises
    UsageError for tags elsewhere, for phonemes, and where there is nothing to say.
    """
    if "[[" in text:
        raise UsageError("MaskGCT takes no phonemes: write words instead of [[…]]")
    if language == "en":
        yield from read_script(text)
        return
    if tag := _TAG.search(text):
        raise UsageError(f"{tag.group()}: tags are read in English only")
    held: Sentence | None = None
    for paragraph in cuts.paragraphs(text):
        for sentence in cuts.sentences(paragraph):
            for cut in _cut(sentence, LETTERS[language]):
                if held:
                    yield held
                held = Sentence(" ".join(cut.split()), "", CLAUSE_PAUSE)
            held = held and replace(held, pause=SENTENCE_PAUSE)
        held = held and replace(held, pause=PARAGRAPH_PAUSE)
    if held is None:
        raise UsageError("there is nothing to say: the text holds no word that can be spoken")
    yield replace(held, pause=0.0)


def _cut(sentence: str, most: int) -> Iterator[str]:
    """A sentence in cuts of at most so many letters, at clauses where it can be."""
    both = cuts.halves(sentence) if len(sentence) > most else None
    if both is None:
        yield sentence
    else:
        for half in both:
            yield from _cut(half, most)


_TAG = re.compile(r"\[pause\b[^\]]*\]|</?[A-Za-z][^<>]{0,200}>", re.IGNORECASE)
