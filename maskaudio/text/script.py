"""What a whole text becomes: sentences of phones with the silence after each, one at a time."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text.phonemes import Given, check_engine, phonemise_parts
from maskaudio.text.phones import PAUSES, PHONES, check_language, from_ipa
from maskaudio.text.sentences import halves, paragraphs, sentences, short_enough

_T = TypeVar("_T")
_NOTHING: Any = object()

MAX_SYMBOLS = 190  # of a sentence; about 11.5 seconds of speech, as long as any clip of the training corpus
SENTENCE_PAUSE, PARAGRAPH_PAUSE, CLAUSE_PAUSE = 0.3, 0.7, 0.1  # seconds
LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Sentence:
    """A stretch to be spoken in one go: its text, its symbols, and the seconds of silence after it.

    `phones` ends in one of . , ? ! : ; and has at most MAX_SYMBOLS symbols. A text that begins with a pause
    begins with a Sentence without text and phones; a single word of the text too long for one Sentence (an
    address) has its text in the first and "" in the others.
    """

    text: str
    phones: str
    pause: float
    told: bool = False  # the text itself says how long its pause is

    def at(self, speed: float) -> "Sentence":
        """The same said `speed` times as fast; a pause that the text asks for stays as long."""
        return self if self.told else replace(self, pause=self.pause / speed)


def read_script(
    text: str,
    *,
    language: str = "en-us",
    pronunciations: Mapping[str, str] | None = None,
    engine: str = "lexicon",
) -> Iterator[Sentence]:
    """The sentences of `text`, each made when it is asked for; the last one has no pause unless it says so.

    In the text: [pause 500ms] or <break time="1.5s"/> (0–10 s) in place of the usual pause, [[həˈloʊ]] for
    phonemes in IPA. pronunciations: word → IPA, wherever the word stands alone, in capitals or not.
    engine: see `phonemise`. Raises UsageError: at once for a tag, phonemes, a language or an engine that
    cannot be used; when reading ends, where there was nothing to say.
    """
    check_language(language)
    check_engine(engine)
    reader = _Reader(language, engine, _Words(pronunciations or {}, language))
    for match in _MARKUP.finditer(text):
        reader.check(match)
    return _spoken(text, reader)


def read_pronunciations(path: str | Path) -> dict[str, str]:
    """A user's words and their IPA: lines of `word`, then a tab, two spaces or =, then IPA; # for comments.

    Raises UsageError that names the line, MaskaudioError where the file cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot read the pronunciations ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file in UTF-8") from None
    words = {}
    for number, line in enumerate(lines, 1):
        line = _COMMENT.sub("", line).strip()
        if not line:
            continue
        match = _ENTRY.match(line)
        if match is None:
            raise UsageError(f"{path}, line {number}: '{line}' is not a word, a tab (or =) and its IPA")
        word, ipa = match.groups()
        try:
            from_ipa(ipa)
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None
        words[word] = ipa
    return words


def _spoken(text: str, reader: "_Reader") -> Iterator[Sentence]:
    """Sentences with their pauses; one is held back, because what follows decides about its pause."""
    held: Sentence | None = None
    lead = 0.0
    for piece in reader.pieces(text):
        if not isinstance(piece, Sentence):
            if held is None:
                lead += piece
            else:
                held = replace(held, pause=piece + (held.pause if held.told else 0.0), told=True)
        elif any(symbol in _PHONES for symbol in piece.phones):
            if held is not None:
                yield held
            elif lead:
                yield Sentence("", "", lead, told=True)
            held = piece
        elif held is not None and not held.told:
            held = replace(held, pause=max(held.pause, piece.pause))
    if held is None:
        raise UsageError("there is nothing to say: the text holds no word that can be spoken")
    yield held if held.told else replace(held, pause=0.0)


class _Reader:
    """Turns stretches of text into Sentences, and tags into seconds."""

    def __init__(self, language: str, engine: str, words: "_Words") -> None:
        self.language, self.engine, self.words = language, engine, words
        self.named: set[str] = set()  # signs that were named as not spoken, once for the whole text

    def check(self, match: re.Match[str]) -> None:
        """Raises UsageError for a tag that cannot be used."""
        if match.group("ipa") is not None:
            self._given(match.group("ipa"))
        else:
            _seconds(match)

    def pieces(self, text: str) -> Iterator[Sentence | float]:
        """Sentences with their usual pauses, and between them the seconds that tags ask for."""
        start = 0
        for match in _MARKUP.finditer(text):
            if match.group("ipa") is None:
                rest = _TAGS.sub("", text[match.end() : match.end() + 100]).lstrip()
                yield from self._stretch(text[start : match.start()], "," if rest[:1].islower() else ".")
                yield _seconds(match)
                start = match.end()
        yield from self._stretch(text[start:], ".")

    def _stretch(self, text: str, end: str) -> Iterator[Sentence]:
        """A text without tags; `end` closes it where it has no sign of its own."""
        for paragraph, ends_text in _with_last(paragraphs(text)):
            for sentence, ends_paragraph in _with_last(sentences(paragraph)):
                for (words, phones), ends_sentence in _with_last(self._fitting(sentence)):
                    if not ends_sentence:
                        sign, pause = ",", CLAUSE_PAUSE
                    elif not ends_paragraph:
                        sign, pause = ".", SENTENCE_PAUSE
                    else:
                        sign, pause = end if ends_text else ".", PARAGRAPH_PAUSE
                    closed = phones[-1:] in tuple(PAUSES) or not phones
                    shown = " ".join(_IPA.sub(r"/\g<ipa>/\g<own>", words).split())
                    yield Sentence(shown, phones if closed else phones + sign, pause)

    def _fitting(self, sentence: str) -> Iterator[tuple[str, str]]:
        """A sentence's text and symbols; in more pieces where it would be too long."""
        for cut in short_enough(sentence):
            waiting = [cut]
            while waiting:
                text = waiting.pop()
                phones = self._read(text)
                if len(phones) < MAX_SYMBOLS:
                    yield text, phones
                elif both := halves(text):
                    waiting += reversed(both)
                else:
                    for line in _lines(phones):
                        yield text, line
                        text = ""

    def _read(self, text: str) -> str:
        parts: list[str] = []
        start = 0
        for match in _IPA.finditer(text):
            phones = self._given(match.group("ipa"))
            parts += self.words.split(text[start : match.start()])
            parts.append(self.words.owning(phones) if match.group("own") else phones)
            start = match.end()
        parts += self.words.split(text[start:])
        return phonemise_parts(parts, self.language, engine=self.engine, named=self.named)

    def _given(self, ipa: str) -> Given:
        given = from_ipa(ipa, self.language)
        if not any(symbol in _PHONES for symbol in given):
            raise UsageError(f"phonemes '[[{ipa}]]' hold no sound; write IPA, e.g. [[həˈloʊ]]")
        return Given(given)


class _Words:
    """The user's own pronunciations."""

    def __init__(self, pronunciations: Mapping[str, str], language: str) -> None:
        self.language = language
        self.phones = {}
        for word, ipa in pronunciations.items():
            try:
                self.phones[" ".join(word.lower().split())] = from_ipa(ipa, language)
            except UsageError as error:
                raise UsageError(f"pronunciation of '{word}': {error}") from None
        longest_first = sorted(filter(None, self.phones), key=len, reverse=True)
        words = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest_first)
        self.pattern = re.compile(rf"(?<![\w'’@./-])({words})(['’]s)?(?![\w@/]|[.'’-]\w)", re.IGNORECASE)

    def split(self, text: str) -> list[str]:
        """`text` in parts, with Given phones where one of the words stands."""
        if not self.phones:
            return [text]
        parts: list[str] = []
        start = 0
        for match in self.pattern.finditer(text):
            phones = self._known(" ".join(match.group(1).split()))
            parts.append(text[start : match.start()])
            parts.append(self.owning(phones) if match.group(2) else Given(phones))
            start = match.end()
        return [*parts, text[start:]]

    def _known(self, word: str) -> str:
        """The phones of a word that the pattern has found; it knows more letters as alike than lower()."""
        if word.lower() in self.phones:
            return self.phones[word.lower()]
        like = re.compile(re.escape(word), re.IGNORECASE)
        return next(phones for known, phones in self.phones.items() if like.fullmatch(known))

    def owning(self, phones: str) -> Given:
        """A word's phones with its 's."""
        if phones[-1:] in tuple("szʃʒʧʤ"):
            return Given(phones + ("ᵻz" if self.language == "en-us" else "ɪz"))
        return Given(phones + ("s" if phones[-1:] in tuple("ptkfθ") else "z"))


def _with_last(items: Iterator[_T]) -> Iterator[tuple[_T, bool]]:
    """Every item, and whether it is the last."""
    waiting = next(items, _NOTHING)
    for item in items:
        yield waiting, False
        waiting = item
    if waiting is not _NOTHING:
        yield waiting, True


def _lines(phones: str) -> Iterator[str]:
    """Phones without end, cut at words; a word without end, where it must be."""
    line = ""
    for word in re.findall(rf"\S{{1,{MAX_SYMBOLS - 2}}}", phones):
        if line and len(line) + len(word) + 2 > MAX_SYMBOLS:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _seconds(match: re.Match[str]) -> float:
    """The length of a pause tag, in seconds. Raises UsageError for any other tag."""
    tag = " ".join(match.group().split())[:60]
    if match.group("pause") is not None:
        length, example = match.group("pause"), "[pause 500ms]"
    elif (match.group("name") or "").lower() == "break":
        if tag.startswith("</"):
            return 0.0
        time = _TIME_ATTRIBUTE.fullmatch(match.group("rest").strip())
        length, example = time.group(2) if time else "", '<break time="500ms"/>'
    else:
        raise UsageError(f'tag {tag} is not supported; there are [pause 500ms] and <break time="500ms"/>')
    found = _LENGTH.fullmatch(length.strip())
    if found is None:
        raise UsageError(f"{tag}: give the pause's length in s or ms, as in {example}")
    seconds = float(found.group(1)) / (1000 if found.group(2).lower() == "ms" else 1)
    if seconds > LONGEST_PAUSE:
        raise UsageError(f"{tag}: a pause lasts 0 to {LONGEST_PAUSE:g} seconds")
    return seconds


_PHONES = frozenset(PHONES)
_IPA = re.compile(r"\[\[(?P<ipa>[^\[\]]*)\]\](?P<own>['’]s\b)?")
_TAGS = re.compile(
    r"\[pause\b(?P<pause>[^\[\]\n]*)\]"
    r"|</?(?P<name>[A-Za-z][\w-]*)"
    r"(?P<rest>(?:\s+[\w:-]+\s*=\s*(?:\"[^\"<>]{0,200}\"|'[^'<>]{0,200}'))*)\s*/?>"
    r"|<[!?][A-Za-z-][^<>]{0,200}>",
    re.IGNORECASE,
)
_MARKUP = re.compile(f"{_IPA.pattern}|{_TAGS.pattern}", re.IGNORECASE)
_TIME_ATTRIBUTE = re.compile(r"time\s*=\s*([\"'])([^\"']*)\1", re.IGNORECASE)
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(ms|s)", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_ENTRY = re.compile(r"(\S.*?)(?:[^\S\t]*\t\s*|\s{2,}|\s*=\s*)(\S.*)$")
