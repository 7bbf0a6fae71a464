"""Text → the phones that MaskGCT was trained on: espeak-ng's, in the spelling of Amphion's front end.

Its rules by language, as far as they stand on espeak-ng alone: Chinese and Japanese take lexicons and
networks of their own. English numbers and abbreviations are read by our own normaliser, not Amphion's.
"""

import ctypes
import re
from importlib.util import find_spec
from string import ascii_uppercase
from typing import Any

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text import espeak
from maskaudio.text.maskgct_symbols import ROWS
from maskaudio.text.normalise import normalise

VOICES = {"en": b"gmw/en-US", "de": b"gmw/de", "fr": b"roa/fr", "ko": b"ko"}  # espeak-ng's
MARKS = ",.?!;:'…"


def phones(text: str, language: str = "en") -> list[int]:
    """What is said, as rows of the published table of phones; [] where there is nothing to say.

    Raises UsageError for a language that is not read here, MaskaudioError where espeak-ng is not installed.
    """
    language = check_language(language)
    spoken = _spell(_PREPARE[language](text), language)
    if language == "en":
        for pattern, written in _ENGLISH:
            while pattern.search(spoken):
                spoken = pattern.sub(written, spoken)
    return [ROWS[symbol] for symbol in spoken.split("|") if symbol in ROWS]


def check_language(language: str) -> str:
    """en for en-us, and so on. Raises UsageError, naming those there are, for any other."""
    language = language.lower()
    found = _SAME.get(language, language)
    if found not in VOICES:
        raise UsageError(f"language '{language}': MaskGCT is read here in {', '.join(VOICES)}")
    return found


def _spell(text: str, language: str) -> str:
    """Phones parted by |, words by |_|, clauses by their sign; nothing at either end."""
    for sign, plain in _PLAIN.items():
        text = text.replace(sign, plain)
    text = re.sub(rf"[^\w\s_{MARKS}]", "", text.strip())
    text = re.sub(rf"\s*([{MARKS}])\s*", r"\1", text)
    parts = _CLAUSE.split(" ".join(text.split()))
    said = _espeak(parts[::2], language)
    signs = ["|".join(run) for run in parts[1::2]] + [""]
    return "|".join(part for pair in zip(said, signs, strict=True) for part in pair if part)


def _espeak(clauses: list[str], language: str) -> list[str]:
    """Each clause in phones without stress."""
    if find_spec("espeakng_loader") is None:
        raise MaskaudioError("MaskGCT takes its phones from espeak-ng: pip install 'maskaudio[espeak]'")
    library = espeak.load()
    with espeak.LOCK:
        if library.espeak_SetVoiceByName(VOICES[language]) != 0:
            raise MaskaudioError(f"espeak-ng has no voice for {language}; install espeakng-loader again")
        return [_words(_read(library, clause)) if clause else "" for clause in clauses]


def _read(library: Any, clause: str) -> str:
    """espeak-ng's own spelling of a clause: phones parted by _, words by a space."""
    left = ctypes.c_char_p(clause.replace("\0", " ").encode())
    said = []
    while left.value:
        said.append((library.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _SEPARATED) or b"").decode())
    return " ".join(filter(None, said))


def _words(said: str) -> str:
    """The same in MaskGCT's spelling; marks of stress and of a change of language go."""
    said = re.sub(r"\(.+?\)", "", re.sub("_+ ?", lambda run: run.group()[-1], " ".join(said.split())))
    words = re.sub("[ˈˌ'-]+", "", said).split(" ")
    return "|_|".join(word.strip("_").replace("_", "|") for word in words)


def _european(text: str) -> str:
    """Signs as German and French are cleaned of them."""
    text = re.sub(r"[“”‘’（）()《》【】\[\]—「」¿¡<>\"«»]", "", text.replace("...", "."))
    return text.translate(_SIGNS).lstrip(",.!?")


def _french(text: str) -> str:
    for pattern, written in _ABBREVIATIONS:
        text = pattern.sub(written, text)
    return _european(text.replace("&", " et "))


def _korean(text: str) -> str:
    """Latin abbreviations and letters by their Korean names, and no Chinese characters."""
    text = re.sub("[⺀-⿕々〇〡-〩〸-〻㐀-䶵一-鿃豈-龎]", "", text)
    return re.sub("[A-Za-z]+", lambda word: _LETTERS.get(word.group(), word.group()), text).lower()


_SAME = {"en-us": "en", "de-de": "de", "fr-fr": "fr", "ko-kr": "ko"}
_UTF8, _SEPARATED = 1, 0x02 | ord("_") << 8
_PLAIN = dict(zip("，。！？；：、‘’⋯", ",.!?;:,''…", strict=True)) | {"···": "…", "・・・": "…", "...": "…"}
# a sign between digits is part of a number
_CLAUSE = re.compile(r"((?:[?!;:'…]|(?<!\d)[,.]|[,.](?!\d))+)")
_PREPARE = {
    "en": lambda text: normalise(text, "en-us"),
    "de": _european,
    "fr": _french,
    "ko": _korean,
}

_ENGLISH = [
    (re.compile(rf"(?:(?<=^)|(?<=[_|])){re.escape(found)}(?=[_|]|$)"), written)
    for found, written in (
        ("t|ɹ", "tɹ"),
        ("d|ɹ", "dɹ"),
        ("t|s", "ts"),
        ("d|z", "dz"),
        ("ɪ|ɹ", "ɪɹ"),
        ("ɐ", "ɚ"),
        ("ᵻ", "ɪ"),
        ("əl", "l"),
        ("x", "k"),
        ("ɬ", "l"),
        ("ʔ", "t"),
        ("n\u0329", "n"),
        ("oː|ɹ", "oːɹ"),
    )
]
_SIGNS = str.maketrans(
    {**dict.fromkeys("：；，·、;:", ","), **dict.fromkeys("。\n…$", "."), "！": "!", "？": "?"}
    | dict.fromkeys("～~-", " ")
)
_ABBREVIATIONS = [
    (re.compile(rf"\b{short}\.", re.IGNORECASE), long)
    for short, long in (
        ("M", "monsieur"),
        ("Mlle", "mademoiselle"),
        ("Mlles", "mesdemoiselles"),
        ("Mme", "Madame"),
        ("Mmes", "Mesdames"),
        (r"N\.B", "nota bene"),
        (r"p\.c\.q", "parce que"),
        ("Pr", "professeur"),
        ("qqch", "quelque chose"),
        ("rdv", "rendez-vous"),
        ("max", "maximum"),
        ("min", "minimum"),
        ("no", "numéro"),
        ("adr", "adresse"),
        ("dr", "docteur"),
        ("st", "saint"),
        ("co", "companie"),
        ("jr", "junior"),
        ("sgt", "sergent"),
        ("capt", "capitain"),
        ("col", "colonel"),
        ("av", "avenue"),
        (r"apr\. J\.-C", "après Jésus-Christ"),
        ("art", "article"),
        ("boul", "boulevard"),
        (r"c\.-à-d", "c’est-à-dire"),
        ("etc", "et cetera"),
        ("ex", "exemple"),
        ("excl", "exclusivement"),
    )
] + [
    (re.compile(rf"\b{short}"), long)
    for short, long in (
        ("Mlle", "mademoiselle"),
        ("Mmes", "Mesdames"),
        ("Mme", "Madame"),
    )
]
_NAMES = "에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠"
_NAMES += " 엔 오 피 큐 알 에스 티 유 브이 더블유 엑스 와이 제트"
_LETTERS = {
    **dict(zip(ascii_uppercase, _NAMES.split(), strict=True)),
    "KOREA": "코리아",
    "IDOL": "아이돌",
    "IT": "아이티",
    "IQ": "아이큐",
    "UP": "업",
    "DOWN": "다운",
    "PC": "피씨",
    "CCTV": "씨씨티비",
    "SNS": "에스엔에스",
    "AI": "에이아이",
    "CEO": "씨이오",
}
