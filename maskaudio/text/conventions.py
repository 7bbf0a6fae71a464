"""What the lexicon says, as the training corpus says it.

The corpus was spoken from espeak-ng's readings; the lexicon is misaki's. Both are right, but a speech model
knows only the first: "he" without stress, ŋ in "income", "in the" in one breath. The rules were found by
aligning the two over the training clips; tests/text/test_phonemes.py measures them on the others.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maskaudio.text.phones import VOWELS


@dataclass(frozen=True)
class Word:
    """A word or a sign of a sentence: its spelling, its phones, whether a space follows, and whether the
    phones were given by the user, who is always right."""

    text: str
    phones: str
    gap: bool = True
    given: bool = False


def as_corpus(words: Sequence[Word], language: str) -> str:
    """The words of a text → the symbols that the corpus would have for it."""
    sounds = [word.phones if word.given else _alone(word, language) for word in words]
    out: list[str] = []
    for i, word in enumerate(words):
        follower = sounds[i + 1].lstrip("ˈˌ")[:1] if word.gap and i + 1 < len(words) else ""
        sound = sounds[i] if word.given else _before(follower, word, sounds[i], language)
        pair = _pair(words[i : i + 2]) if follower else ()
        if pair in _JOINED[language]:
            sound, second = _JOINED[language][pair]
            sounds[i + 1] = second or sounds[i + 1]
        out.append(sound + " " * (word.gap and pair not in _JOINED[language]))
    return "".join(out).strip()


def said_as_one(first: str, second: str, language: str) -> bool:
    """Whether two written words in a row become one, as "in the" does."""
    return (first.lower(), second.lower()) in _JOINED[language]


def _pair(words: Sequence[Word]) -> tuple[str, ...]:
    return () if any(word.given for word in words) else tuple(word.text.lower() for word in words)


def _alone(word: Word, language: str) -> str:
    """A word by itself."""
    spelling, phones = word.text.lower(), word.phones
    if spelling in _WORDS[language]:
        return _WORDS[language][spelling]
    if _WEAK.match(spelling) and "ˈ" not in phones:
        phones = phones.replace("ˌ", "")
    phones = "".join(_as_spelt(spelling, phones))
    for letters, pattern, written in _RULES + _ACCENTS[language]:
        if letters.search(spelling):
            phones = pattern.sub(written, phones)
    return phones


def _before(follower: str, word: Word, sound: str, language: str) -> str:
    """A word before another that starts with the phone `follower`."""
    if not follower or follower not in VOWELS:
        return sound
    if sound == "ðə":
        return "ðɪ"
    if language == "en-us":
        return sound + "ɹ" if sound.endswith("əɹ") else sound
    return sound + "ɹ" if _OPEN.search(sound) and _SILENT_R.search(word.text.lower()) else sound


def _as_spelt(spelling: str, phones: str) -> Iterator[str]:
    """The schwa of "office" is the i that is written; vowels and vowel letters must pair up for that."""
    sounds = [i for i, phone in enumerate(phones) if phone in VOWELS]
    for letters in (_LETTERS.findall(spelling), _LETTERS.findall(_SILENT_E.sub(r"\1", spelling))):
        if len(letters) == len(sounds):
            break
    else:
        letters = [""] * len(sounds)
    spelt = dict(zip(sounds, letters, strict=True))
    for i, phone in enumerate(phones):
        weak = phone == "ə" and phones[i - 1 : i] not in ("ˈ", "ˌ") and phones[i + 1 : i + 2] != "ɹ"
        yield "ɪ" if weak and spelt[i] in ("i", "y") else phone


_V = "".join(sorted(VOWELS))
_TO_STRESS = f"(?=[^{_V}ˈˌ]+ˈ)"
_LETTERS = re.compile("[aeiouy]+")
_SILENT_E = re.compile("([^aeiouy])e(?=[ds]?$|ly$|ment$|less$|ful$)")
_SILENT_R = re.compile("(?:re?|[^e]a)$")
_OPEN = re.compile("(?:[ɑɔɛɜ]ː|ə)$")

_Rules = list[tuple[re.Pattern[str], re.Pattern[str], str]]


def _table(*rows: tuple[str, str, str]) -> _Rules:
    return [(re.compile(spelling), re.compile(phones), written) for spelling, phones, written in rows]


# (what the spelling must hold, phones, how the corpus has them)
_RULES = _table(
    ("", "ɐ", "ə"),
    ("", f"(ˈ[{_V}]ː?[^{_V}ˈˌ]*)ˌ", r"\1"),  # no second stress right after the first: "always"
    ("^un(?!der|i)", f"^ˌʌn{_TO_STRESS}", "ʌn"),
    ("", "n(?=[ˈˌ]?[kɡ])", "ŋ"),
    ("", f"əl(?![{_V}ˈˌ])", "ᵊl"),
    ("teen$", "ˌ(.*)ˈi", r"ˈ\1i"),  # "fifteen minutes" more often than "fifteen."
    ("^e(x|[nm][^aeiouy])", "^ˌ?[əɪ](?=[kɡnmŋ])", "ɛ"),
    ("(ness|less)", "(?<=[nl])ɪs", "əs"),
)
_ACCENTS = {
    "en-us": _table(
        ("", "(?<!t)ᵊ(?=n)", "ə"),
        ("", f"([əʊ]ɹ)(?=[{_V}ˈˌ])", r"\1ɹ"),
        ("", "(?<![ˈˌ])i(?=[OA]$)", "ɪˌ"),
        ("^(re|de|se|ne)", f"^([ɹdsn])[əɪi]{_TO_STRESS}", r"\1ᵻ"),
        ("^de[vztm]", "^dᵻ(?=[vzt])", "dɪ"),
        ("^be", f"^b[əɪᵻi]{_TO_STRESS}", "bᵻ"),
        ("^be", "^bᵻ(?=[kɡ])", "bɪ"),
        ("^e", f"^[əᵻi]{_TO_STRESS}", "ɪ"),
        ("^e(lec|v)", "^ɪ", "ᵻ"),
        ("it(y|ies)$", "(?<![ˈˌ])[əɪ](?=[tT]iz?$)", "ᵻ"),
        ("i(fy|fi)", "[əɪ](?=fˌI)", "ᵻ"),
        ("i[sz]ation", "[əɪ](?=zˈAʃ)", "ᵻ"),
        ("et", "(?<!^)ət(?=s?$)", "ɪt"),
        ("ul", "jəl", "jʊl"),
        ("arr", "ɛɹ", "æɹ"),
    ),
    "en-gb": _table(
        ("", "ᵊ(?!l)", "ə"),
        ("", f"(?<=[^{_V}ːɹlmnŋˈˌ])n(?=[tdz]|$)", "ən"),
        ("", f"(?<=[^{_V}ːɹˈˌ])l(?=[tdz]|$)", "ᵊl"),
        ("", "i(?=ə)", "ɪ"),
        ("", "əː", "ɜː"),
        ("ful", "fʊl(?!i)", "fᵊl"),
        ("a(s|ft|ff|n[cst]|nd|mp|th)", "(?<!k)ɑː(?=[sfθ]|n[sʧtd]|mp)|(?<=k)ɑː(?=s|nd)", "a"),
    ),
}  # fmt: skip

# Spoken without stress, whatever the part of speech.
_WEAK = re.compile(
    "(he|she|they|we|you|i|his|her|my|it|its|this|these|those|there|their|is|was|were|are|as|with|at|have|had"
    "|could|would|should|can|will|if|when|for|from|or|and|but)('(s|m|ve|ll|d|re))?$"
)

_WORDS = {
    "en-us": {
        "about": "əbˌWt", "among": "əmˌʌŋ", "any": "ˌɛni", "because": "bɪkˈʌz", "become": "bɪkˌʌm",
        "been": "bˌɪn", "before": "bᵻfˌɔɹ", "between": "bᵻtwˌin", "camera": "kˈæmɹə", "cannot": "kænˈɑt",
        "catch": "kˈæʧ", "dog": "dˈɑɡ", "every": "ˈɛvɹi", "family": "fˈæmɪli", "has": "həz",
        "hundred": "hˈʌndɹɪd", "into": "ˌɪntʊ", "minute": "mˈɪnɪt", "minutes": "mˈɪnɪts", "much": "mˌʌʧ",
        "nineties": "nˈIntiz", "ninety": "nˈInti", "office": "ˈɑfɪs",
        "over": "ˌOvəɹ", "perfect": "pˈɜɹfɛkt", "several": "sˈɛvɹᵊl", "temperature": "tˈɛmpɹɪʧəɹ",
        "that": "ðæt", "the": "ðə", "under": "ˌʌndəɹ", "until": "ʌntˈɪl", "upon": "əpˌɑn", "want": "wˈɔnt",
        "wanted": "wˈɔntᵻd", "welcome": "wˈɛlkʌm", "went": "wɛnt", "without": "wɪðˌWt", "zero": "zˈiəɹO",
    },
    "en-gb": {
        "about": "əbˌWt", "be": "bi", "been": "bˌiːn", "before": "bɪfˌɔː", "between": "bɪtwˌiːn",
        "every": "ˈɛvɹɪ", "has": "həz", "hotel": "hQtˈɛl", "into": "ˌɪntʊ", "much": "mˌʌʧ",
        "nobody": "nˈQbɒdi", "one": "wˈɒn", "over": "ˌQvə", "perfect": "pˈɜːfɛkt", "several": "sˈɛvɹᵊl",
        "that": "ðat", "the": "ðə", "under": "ˌʌndə", "until": "ʌntˈɪl", "upon": "əpˌɒn",
        "welcome": "wˈɛlkʌm", "went": "wɛnt", "without": "wɪðˌWt",
    },
}  # fmt: skip

# Little words spoken as one: how the first and the second sound then ("": as ever).
_JOINED: dict[str, dict[tuple[str, ...], tuple[str, str]]] = {
    "en-us": {
        ("in", "the"): ("ɪn", ""), ("of", "the"): ("ʌv", ""), ("on", "the"): ("ɔn", ""),
        ("for", "the"): ("fəɹ", ""), ("with", "the"): ("wɪð", ""), ("from", "the"): ("fɹʌm", ""),
        ("was", "the"): ("wʌz", ""), ("was", "a"): ("wʌz", "ə"), ("of", "a"): ("əv", "ə"),
        ("at", "a"): ("æT", "ə"), ("for", "a"): ("fəɹɹ", "ə"), ("for", "an"): ("fəɹɹ", "ən"),
        ("out", "of"): ("ˌWT", "əv"), ("to", "be"): ("tə", "bi"), ("had", "to"): ("hæd", ""),
        ("there", "was"): ("ðɛɹ", "wˌʌz"), ("there", "were"): ("ðɛɹ", "wˌɜɹ"),
        ("did", "not"): ("dɪd", "nˌɑt"), ("have", "been"): ("həv", "bɪn"), ("had", "been"): ("həd", "bɪn"),
    },
    "en-gb": {
        ("in", "the"): ("ɪn", ""), ("of", "the"): ("ɒv", ""), ("on", "the"): ("ɒn", ""),
        ("for", "the"): ("fə", ""), ("with", "the"): ("wɪð", ""), ("from", "the"): ("fɹʌm", ""),
        ("was", "the"): ("wʌz", ""), ("was", "a"): ("wʌz", "ə"), ("of", "a"): ("əv", "ə"),
        ("at", "a"): ("at", "ə"), ("for", "a"): ("fəɹ", "ə"), ("for", "an"): ("fəɹ", "ən"),
        ("out", "of"): ("ˌWt", "əv"), ("to", "be"): ("tə", "bi"), ("had", "to"): ("had", ""),
        ("did", "not"): ("dɪd", "nˌɒt"), ("have", "been"): ("həv", "bɪn"),
        ("hundred", "and"): ("hˈʌndɹɪd", "ən"),
    },
}  # fmt: skip
