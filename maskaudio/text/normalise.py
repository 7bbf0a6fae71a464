"""Written text → words to say: only letters, apostrophes, hyphens and plain punctuation come out.

The lexicon's own normaliser reads times, dates, units, titles and Roman numerals; around it stand what it
does not do: signs of every kind, addresses of the web, telephone numbers, capitals, and numbers in words.
"""

import logging
import re
import unicodedata

from maskaudio.text.lexicon import is_word
from maskaudio.text.numbers import say_numbers, say_telephones
from maskaudio.text.web import say_addresses


def normalise(text: str, language: str = "en-us", *, named: set[str] | None = None) -> str:
    """`text` as it is said, e.g. "Dr. Lee paid $5." → "Dr Lee paid five dollars."; "" where nothing is left.

    What cannot be said (emoji, other scripts) is left out with one warning that names it. named: signs that
    a warning has named already; the new ones are added.
    """
    text = _drop_unspeakable(text, set() if named is None else named)
    text = say_addresses(_each(_EMOTICONS, text))
    text = _each(_ABBREVIATIONS, _lower_capitals(text, language))
    if language == "en-gb":
        text = _BRITISH_DATE.sub(_british_date, text)
    text = say_numbers(_each(_HABITS, _expand(say_telephones(text))), language)
    text = _RUN.sub(_one_sign, _each(_SIGNS, text))
    text = _CHAIN.sub(lambda chain: re.sub("[-'.]", " ", chain.group()), text)
    return _each(_PLAIN, text).strip()


def _expand(text: str) -> str:
    from hibari.g2p.normalize import normalize

    return normalize(text)


def _drop_unspeakable(text: str, named: set[str]) -> str:
    """Plain signs for typographic ones, no accents, and nothing that has no reading."""
    kept: list[str] = []
    dropped: dict[str, None] = {}
    for sign in text:
        if sign.isascii():
            kept.append(sign if sign.isprintable() else " ")
        elif sign in _TYPOGRAPHY:
            kept.append(_TYPOGRAPHY[sign])
        elif sign in _READ_BY_LEXICON:
            kept.append(sign)
        else:
            plain = "".join(c for c in unicodedata.normalize("NFKD", sign) if c.isascii() and c.isprintable())
            greek = _GREEK.match(unicodedata.name(sign, ""))
            plain = plain or (str(unicodedata.digit(sign)) if sign.isdigit() else "")
            if sign.isspace():
                kept.append(" ")
            elif plain:
                kept.append(plain)
            elif greek:
                kept.append(f" {greek.group(1).lower()} ")
            elif unicodedata.category(sign) not in _SILENT:
                kept.append(" ")
                dropped[sign] = None
    if new := [sign for sign in dropped if sign not in named]:
        named.update(new)
        shown = ", ".join(f"{s} ({unicodedata.name(s, f'U+{ord(s):04X}').lower()})" for s in new[:5])
        more = f" and {len(new) - 5} more" if len(new) > 5 else ""
        logging.getLogger("maskaudio").warning("left out, because it cannot be spoken: %s%s", shown, more)
    return "".join(kept)


def _lower_capitals(text: str, language: str) -> str:
    """Words in capitals as words where they are words; FBI and HTML stay and are spelt out."""
    shouted = bool(_SHOUT.search(text)) and not any(map(str.islower, text))

    def lower(match: re.Match[str]) -> str:
        word = match.group()
        known = (shouted or len(word) > 4) and is_word(word.lower(), language)
        return word.lower() if known or _SOUNDS_LIKE_A_WORD.match(word) else word

    return _CAPITALS.sub(lower, text)


def _one_sign(run: re.Match[str]) -> str:
    """What several signs at once come to: a question, a cry, or three dots in the middle or at the end."""
    if "?" in run.group() or "!" in run.group():
        return "?" if "?" in run.group() else "!"
    after = run.string[run.end() : run.end() + 3].lstrip()
    return ", " if after[:1].islower() else ". "


def _british_date(match: re.Match[str]) -> str:
    day, month, year = (int(n) for n in match.groups())
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return match.group()
    year += 0 if year > 99 else 2000 if year <= 30 else 1900
    return f"{day} {_MONTHS[month - 1]} {year}"


_Rows = list[tuple[re.Pattern[str], str]]


def _rows(*pairs: tuple[str, str]) -> _Rows:
    return [(re.compile(pattern), written) for pattern, written in pairs]


def _each(rows: _Rows, text: str) -> str:
    for pattern, written in rows:
        text = pattern.sub(written, text)
    return text


_TYPOGRAPHY = {
    **dict.fromkeys("‘’‛ʼ′`´ʹ", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒−­", "-"),
    **dict.fromkeys("—―", " - "),
    **dict.fromkeys("•·‣▪●◦", ", "),
    "–": "–", "…": "...", "⁄": "/", "∕": "/", "≈": " about ", "≤": " at most ", "≥": " at least ",
    "≠": " is not ", "√": " root ", "∞": " infinity ", "∑": " sum ", "æ": "ae", "Æ": "Ae", "œ": "oe",
    "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th",
    "Þ": "Th", "ß": "ss",
    "ı": "i", "¡": "", "¿": "",
}  # fmt: skip
_READ_BY_LEXICON = frozenset("£€¥₹₩¢°§¶±×÷™®©→←½¼¾²³µ")
_GREEK = re.compile(r"GREEK (?:SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)(?: WITH .*)?$")
_SILENT = ("Mn", "Me", "Cf", "Cc", "Sk", "Lm")  # marks, joiners, controls, skin tones: nobody misses them

_MONTHS = ("January", "February", "March", "April", "May", "June")
_MONTHS += ("July", "August", "September", "October", "November", "December")
_BRITISH_DATE = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b")

_SHOUT = re.compile(r"[A-Z]{3}.*\s.*[A-Z]|[A-Z].*\s.*[A-Z]{3}", re.DOTALL)
_CAPITALS = re.compile(r"\b(?!I\b)[A-Z]+\b")
_SOUNDS_LIKE_A_WORD = re.compile(r"(?=.{6,}$)(?:[^AEIOUY]{0,3}[AEIOUY]{1,2})+[^AEIOUY]{0,3}$")

_EMOTICONS = _rows(
    (r"(?<![\w:;=<])(?:<3+|</3)(?!\d)", " "),
    (r"(?<!\S)[:;=8xX]['-]?[)(DPpOo3/\\|*]+(?!\S)", " "),
    (r"([\w']{40})(?=[\w'])", r"\1 "),  # no word is that long
)
_ABBREVIATIONS = _rows(
    (r"\b([Nn]os?)\.(?!\s?\d)|\b(Sun|Mar|[Ff]ig|est)\.(?=\s*$)", r"\1\2 ."),  # words before a full stop
    (r"\be\.\s?g\.?(?=[\s,:;]|$),?", "for example,"),
    (r"\bi\.\s?e\.?(?=[\s,:;]|$),?", "that is,"),
    (r"\betc\.(?=\s+[a-z]|\s*[,;:?!)])", "et cetera"),
    (r"\betc\b", "et cetera"),
    (r"\ba\.?k\.?a\.?(?=\s)", "also known as"),
    (r"(?<=\d)\s?[Aa]\.?[Mm]\b", " A.M"),
    (r"(?<=\d)\s?[Pp]\.?[Mm]\b", " P.M"),
    (r"\bp\.\s?(?=\d)", "page "),
    (r"(?<=\d)'\s?(\d{1,2})\"", r" foot \1"),
    (r"(?<=\d)'(?=\d)", " "),
    (r"\b24/7\b", "twenty-four seven"),
    (r"~(?!\s?\d)", " "),
    (r"(?<=\d) m(?=[\s.,;:?!)]|$)", " meters"),
    (r"(?<=\d) g(?=[\s.,;:?!)]|$)", " grams"),
    (r"(?<=\d)\s?[Ll](?=[\s.,;:?!)]|$)", " liters"),
    (r"(?<=\d)–(?=\d)", "-"),
    ("–", " - "),
    (r"(?<=\d)\.(?=\s|$)", " ."),  # else the lexicon's normaliser takes "1/2." for something else
)

_RUN = re.compile(r"[.?!]{2,}")
_CHAIN = re.compile(r"[\w.'-]{30,}")  # a-b-c-d without end, which the lexicon takes hours for

# After the lexicon's normaliser.
_HABITS = _rows(
    (r"\b((?:[A-Za-z]\.)+[A-Za-z])\.(?=\s+\S|[,;:?!])", r"\1"),  # U.S. economy: no pause
    (r"(?<=[A-Za-z0-9]{2})\.(?=(?:[a-z]{1,4}|mp[34])\b)", " dot "),
)
_SIGNS = _rows(
    (r"\s-+\s|--+|[()\[\]{}|\n]", ", "),
    ("&", " and "),
    ("@", " at "),
    (r"%", " percent "),
    (r"\+", " plus "),
    ("=", " equals "),
    ("[$£€¥₹₩]", " "),
    (r"(?<!\w)'(?!(?:em|cause|tis|twas|til|n)\b)|'(?!\w)|\"", ""),
    (r"[^A-Za-z'.,?!:;\s-]", " "),
)
_PLAIN = _rows(
    ("(?i)((?:twen|thir|for|fif|six|seven|eigh|nine)ty)-(?=[a-z])(?!year|some|odd)", r"\1 "),
    (r"(?<![A-Za-z])-|-(?![A-Za-z])|(?<![A-Za-z])'(?![A-Za-z])", " "),
    (r"\s+", " "),
    (r" ?([.,?!:;])(?: ?[,:;])+", r"\1"),
    (r" ?[,:;] ?([.?!])", r"\1"),
    (r" ([.,?!:;])", r"\1"),
    (r"^[.,?!:; ]+", ""),
    (r"([A-Za-z]{2}[,:;?!])(?=[A-Za-z])", r"\1 "),
)
