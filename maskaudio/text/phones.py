"""The phone inventory: one character a symbol, after Kokoro and misaki, and how IPA is written in it.

Capital letters are diphthongs (A day, I my, O go, Q British go, W now, Y boy) or the tapped t of American
"city" (T); ʧ and ʤ are one phone each; ᵊ is a schwa that hardly sounds, ᵻ the vowel at the end of "roses".
A stress mark stands right before the vowel it stresses ("həlˈO"), ː after the vowel it lengthens.
"""

import re
import unicodedata

from maskaudio.errors import UsageError

# The order is part of trained weights: a phone's row in a speech model. Never change it; add at the end.
PHONES = tuple("AIOQTWYabdfhijklmnpstuvwzæðŋɑɒɔəɛɜɡɪɹʃʊʌʒʤʧθᵊᵻ")
MARKS = tuple("ˈˌː")
PAUSES = tuple(".,?!:;")
VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵊᵻ")
LANGUAGES = ("en-us", "en-gb")

_KNOWN = frozenset((" ", *PHONES, *MARKS, *PAUSES))


def check_phones(text: str) -> None:
    """Raises UsageError naming the first symbol of `text` that is not in the inventory."""
    for symbol in text:
        if symbol not in _KNOWN:
            raise UsageError(f"{_named(symbol)} is no phone; there are {''.join(PHONES)}")


def check_language(language: str) -> None:
    """Raises UsageError, listing the languages there are, where `language` is none of them."""
    if language not in LANGUAGES:
        raise UsageError(f"language '{language}': choose {' or '.join(LANGUAGES)}")


def from_ipa(ipa: str, language: str = "en-us") -> str:
    """IPA as people write it ("həˈloʊ") in symbols of the inventory ("həlˈO").

    Ties (arcs or ^) are optional; ' and : may stand for ˈ and ː; stress may stand before the syllable or its
    vowel; diacritics that no symbol shows are left out. Raises UsageError naming the first letter that no
    symbol stands for.
    """
    check_language(language)
    symbols = _symbols(ipa, _PEOPLE + _ACCENTS[language])
    for symbol in symbols:
        if symbol not in _KNOWN:
            shown = " ".join(ipa.split())[:60]
            raise UsageError(f"phonemes '{shown}': {_named(symbol)} is no sound of English in IPA")
    return symbols


def from_espeak(ipa: str, language: str) -> str:
    """The same for espeak-ng's IPA with ties (^), read as the training corpus reads it; never raises."""
    return "".join(s for s in _symbols(ipa, _ESPEAK + _ACCENTS[language]) if s in _KNOWN)


def _symbols(ipa: str, rows: "_Rows") -> str:
    ipa = unicodedata.normalize("NFD", ipa)
    for pattern, written in _SPELLINGS + rows:
        ipa = pattern.sub(written, ipa)
    return " ".join(_STRAY_STRESS.sub("", _STRESS.sub(r"\2\1", ipa)).split())


def _named(symbol: str) -> str:
    return f"'{symbol}' (U+{ord(symbol):04X})"


_Rows = list[tuple[re.Pattern[str], str]]


def _rows(*pairs: tuple[str, str]) -> _Rows:
    return [(re.compile(pattern), written) for pattern, written in pairs]


# IPA marks a stressed syllable at its first consonant, our symbols at its vowel.
_NO_VOWEL = f"[^{''.join(sorted(VOWELS))}ˈˌ\\s]"
_STRESS = re.compile(f"([ˈˌ])({_NO_VOWEL}+)(?=[{''.join(sorted(VOWELS))}])")
_STRAY_STRESS = re.compile(f"[ˈˌ]+(?={_NO_VOWEL}|[ˈˌ\\s]|$)")

# One way to write each thing. Letters with a mark are two characters here (NFD).
_SPELLINGS = _rows(
    ("[\u0361\u035c\u200d]", "^"),  # Unicode's ties as espeak's
    ("c\u0327", "x"),  # ç
    ("\u030d", "\u0329"),  # the mark of a consonant that is a syllable, above or below
    ("ʔˌ?n\u0329", "tᵊn"),
    (r"ə\^l", "ᵊl"),
    (r"(\S)\u0329", r"ᵊ\1"),
    (r"[\^‿ʰˑ\u0300-\u036f]", ""),
    ("ʲ([oəɔ])", r"j\1"),
    ("[ʲʷ˞](?=[ɹr])|[ʲʷ]", ""),
    ("˞", "ɹ"),
    ("g", "ɡ"),
    ("[rɻʀʁ]", "ɹ"),
    ("[ɫɬ]", "l"),
    ("[xχ]", "k"),
    ("ʍ", "w"),
    ("ɦ", "h"),
    ("ɲ", "nj"),
    ("ʔ", "t"),
    ("ɐ", "ə"),
    ("ʉ", "u"),
    ("ɨ", "ᵻ"),
    ("tʃ", "ʧ"),
    ("dʒ", "ʤ"),
    ("aɪ", "I"),
    ("aʊ", "W"),
    ("eɪ", "A"),
    ("[ɔo]ɪ", "Y"),
)

# What people write and programs do not.
_PEOPLE = _rows(
    (r"[/\[\]()\-]|\.(?=\S)", ""),
    ("['’]", "ˈ"),
    (r"(?<=[aeiouæɑɒɔəɛɜɪʊʌ]):(?!\s)", "ː"),
    ("əl(?![aeiouyæɑɒɔəɛɜɐɪʊʌˈˌ])", "ᵊl"),
    ("e(?!ː?ə)", "ɛ"),  # dictionaries write /bed/
)

# espeak's plain e is the end of "café".
_ESPEAK = _rows(("e(?!ə)", "A"), ("Aə", "eə"))

_ACCENTS = {
    "en-us": _rows(
        ("[oə]ʊ", "O"),
        ("ɚ", "əɹ"),
        ("[ɜɝ]ː?ɹ?", "ɜɹ"),
        ("[eɛ]ː?əɹ?", "ɛɹ"),
        ("ɪə", "iə"),
        ("ɒ|aː", "ɑ"),
        ("a", "æ"),
        ("o", "ɔ"),
        ("ɾ", "T"),
        ("ː", ""),
    ),
    "en-gb": _rows(
        ("[oə]ʊ", "Q"),
        ("ɚɹ?", "ə"),
        ("ɝɹ?|ɜ(?!ː)", "ɜː"),
        ("[eɛ]ː?ə", "ɛː"),
        ("iə", "ɪə"),
        ("aː", "ɑː"),
        ("æ", "a"),
        ("o", "ɔ"),
        ("ɾ", "t"),
        ("ᵻ", "ɪ"),
    ),
}
