"""Text → phones: a lexicon with a small network for words it lacks, or espeak-ng where it is asked for."""

import re
from collections.abc import Sequence

from maskaudio.errors import UsageError
from maskaudio.text.conventions import Word, as_corpus
from maskaudio.text.lexicon import lexicon
from maskaudio.text.normalise import normalise
from maskaudio.text.phones import MARKS, PHONES, check_language

ENGINES = ("lexicon", "espeak")


class Given(str):
    """Symbols that stand in the place of a word and are spoken as they are."""

    __slots__ = ()


def phonemise(text: str, language: str = "en-us", *, engine: str = "lexicon") -> str:
    """Text as symbols of the inventory (maskaudio/text/phones.py); "" where there is nothing to say.

    language: "en-us" or "en-gb". engine: "lexicon" (hibari-tts, always there) or "espeak" (the extra
    `espeak`). Raises UsageError for another language or engine, MaskaudioError for one not installed.
    """
    return phonemise_parts([text], language, engine=engine)


def phonemise_parts(
    parts: Sequence[str], language: str = "en-us", *, engine: str = "lexicon", named: set[str] | None = None
) -> str:
    """The same for a text in parts, some of them Given; the words around those are read in their context.

    named: signs that a warning has named already (see `normalise`); grows.
    """
    check_engine(engine)
    check_language(language)
    named = set() if named is None else named
    spoken = [part if isinstance(part, Given) else _normal(part, language, named) for part in parts]
    return _tidy(_by_lexicon(spoken, language) if engine == "lexicon" else _by_espeak(spoken, language))


def check_engine(engine: str) -> None:
    """Raises UsageError where there is no such engine, MaskaudioError where it is not installed."""
    if engine not in ENGINES:
        raise UsageError(f"engine '{engine}': choose {' or '.join(ENGINES)}")
    if engine == "espeak":
        from maskaudio.text import espeak

        espeak.load()


def _normal(part: str, language: str, named: set[str]) -> str:
    """Spoken words, with the sign or space that parts them from the neighbouring parts."""
    spoken = normalise(part, language, named=named)
    before, after = (" " if part[at].isspace() else "" for at in (slice(1), slice(-1, None)))
    if sign := _LEADING_SIGN.match(part):
        before = sign.group(1) + " "
    return f"{before}{spoken}{after}" if spoken else before or after


def _by_lexicon(parts: Sequence[str], language: str) -> str:
    g2p = lexicon(language)
    # the lexicon's own way to write a word with its phones: [word](/phones/)
    text = "".join(f"[{_STAND_IN}](/{part}/)" if isinstance(part, Given) else part for part in parts)
    tokens = g2p.phonemize_tokens(g2p.tokenize(text))
    words = [Word(t.text, t.phonemes or "", bool(t.whitespace), t.text == _STAND_IN) for t in tokens]
    return as_corpus(words, language)


def _by_espeak(parts: Sequence[str], language: str) -> str:
    from maskaudio.text import espeak

    return "".join(part if isinstance(part, Given) else espeak.read(part, language) for part in parts)


def _tidy(symbols: str) -> str:
    """Only symbols of the inventory, one pause at a time and none at the start."""
    symbols = _UNKNOWN.sub("", _MERGED.sub(_strongest, symbols))
    return _LEADING.sub("", " ".join(symbols.split()))


def _strongest(match: re.Match[str]) -> str:
    found = match.group()
    pause = next((p for p in ".?!:;," if p in found), "") if not set("?!") & set(found) else ""
    return (pause or next(p for p in found if p in "?!")) + " "


_STAND_IN = "\ue000"
_MERGED = re.compile(r"\s*[.,?!:;](?:[\s.,?!:;])*")
_UNKNOWN = re.compile(f"[^{''.join(PHONES + MARKS)} .,?!:;]")
_LEADING_SIGN = re.compile(r"\s*([.,?!:;])")
_LEADING = re.compile(r"^[ .,?!:;]+")
