"""Where a text may be cut: paragraphs, sentences, and long sentences at their clauses."""

import re
from collections.abc import Iterator

MAX_LETTERS = 400  # of one cut; more than fits, so that phones decide


def paragraphs(text: str) -> Iterator[str]:
    """What blank lines part, one after the other; never empty."""
    start = 0
    for gap in _BLANK_LINE.finditer(text):
        if text[start : gap.start()].strip():
            yield text[start : gap.start()].strip()
        start = gap.end()
    if text[start:].strip():
        yield text[start:].strip()


def sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a paragraph; abbreviations, initials, numbers, addresses and [[phonemes]] end none."""
    start = 0
    for match in _END.finditer(paragraph):
        if _ends(paragraph, start, match):
            if sentence := paragraph[start : match.end()].strip():
                yield sentence
            start = match.end()
    if rest := paragraph[start:].strip():
        yield rest


def short_enough(sentence: str) -> Iterator[str]:
    """A sentence in cuts of at most MAX_LETTERS letters, at clauses where it can be; as a rule, one."""
    start = 0
    while len(sentence) - start > MAX_LETTERS:
        window = sentence[start : start + MAX_LETTERS]
        cut = _best(window, MAX_LETTERS // 3, MAX_LETTERS)
        if not cut:
            space = _SPACE.search(sentence, start + MAX_LETTERS, start + _LONGEST_WORD)
            cut = space.start() - start if space else min(_LONGEST_WORD, len(sentence) - start)
        yield sentence[start : start + cut].strip()
        start += cut
    if rest := sentence[start:].strip():
        yield rest


def halves(text: str) -> tuple[str, str] | None:
    """A text in two at the clause or, failing that, the gap nearest to its middle; None for a single word."""
    cut = _best(text, len(text) // 4, 3 * len(text) // 4, near=len(text) // 2)
    cut = cut or _best(text, 0, len(text), near=len(text) // 2)
    first, second = text[:cut].strip(), text[cut:].strip()
    return (first, second) if first and second else None


def _best(text: str, low: int, high: int, near: int | None = None) -> int:
    """Where to cut `text` between two places, 0 where nowhere: after a sign, before a conjunction, at a gap;
    of those of one kind the one closest to `near` (the last one)."""
    near = high if near is None else near
    inside = [match.span() for match in _PHONEMES.finditer(text)]
    for pattern in _CUTS:
        places = (match.end() for match in pattern.finditer(text, low, high))
        places = [p for p in places if low < p < high and not any(a < p < b for a, b in inside)]
        if places:
            return min(places, key=lambda p: abs(p - near))
    return 0


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sign, or a new line of a list, ends the sentence that begins at `start`."""
    signs = match.group("signs")
    if signs is None:
        return match.group("item") is not None
    after = text[match.end() : match.end() + 40].lstrip()
    if not after or not text[match.end()].isspace():
        return False
    follows = after.lstrip("\"'“‘([").split(" ", 1)[0]
    if signs != ".":
        return not follows[:1].islower()
    before = _LAST_WORD.search(text[max(0, match.start() - 30) : match.start()])
    word = before.group() if before else ""
    if word.isdigit() and not text[start : match.start() - len(word)].strip():
        return False  # 1. the first item
    if len(word) == 1 and word.isupper():
        return word == "I" and _AM_I.search(text[max(0, match.start() - 30) : match.start()]) is not None
    if "." in word or word.lower() in _ENDING_ABBREVIATIONS:
        return bool(_STARTS_SENTENCE.match(follows)) or (len(word) > 4 and follows[:1].isupper())
    if word.lower() in _NUMBER_ABBREVIATIONS:
        return not follows[:1].isdigit()
    return not _ABBREVIATIONS.match(word)


_LONGEST_WORD = 1000  # letters; whatever is longer is no word
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_PHONEMES = re.compile(r"\[\[[^\[\]]*\]\]")
_END = re.compile(
    r"\[\[[^\[\]]{0,1000}\]\]|(?P<signs>[.!?…]+)['\"”’)\]]*|(?P<item>\n(?=[^\S\n]{0,20}(?:[-*•–]|\d{1,3}[.)])\s))"
)
_SPACE = re.compile(r"\s")
_CUTS = (
    re.compile(r"[!?;:—][\"'”’)\]]*\s"),
    re.compile(r"(?:,[\"'”’)\]]*|\s[-–])\s"),
    re.compile(
        r"\s(?=(?:and|but|or|so|because|which|who|while|when|where|although|though|if|since|until|as|than|then)\s)",
        re.IGNORECASE,
    ),
    re.compile(r"\s"),
)
_LAST_WORD = re.compile(r"[\w.'’-]+$")
_AM_I = re.compile(r"[a-z]\s+I$")
_STARTS_SENTENCE = re.compile(
    r"(?:The|A|An|He|She|It|They|We|You|I|I'm|This|That|These|Those|There|But|And|So|Then|If|When|In|On|At|My|Our"
    r"|His|Her|Their|Its|What|Who|How|Why|Where|As|For|After|No|Yes|Now|Once|However)\b"
)
_ABBREVIATIONS = re.compile(
    "(?:mr|mrs|ms|mx|dr|prof|st|sr|jr|mt|ft|gen|gov|sen|rep|capt|lt|col|sgt|cmdr|rev|hon|pres|supt|cpl|"
    "maj|adm|fr|messrs|approx|est|vs|cf|ed|eds|dept|univ|assn|govt|atty|bros|ave|blvd|rd|hwy|jan|feb|"
    "mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|tues|wed|thu|thurs|fri|al)$",
    re.IGNORECASE,
)
_ENDING_ABBREVIATIONS = frozenset(("etc", "inc", "ltd", "co", "corp", "am", "pm"))
_NUMBER_ABBREVIATIONS = frozenset(("no", "nos", "p", "pp", "vol", "ch", "fig", "art", "sec", "vols", "figs"))
