"""Numbers in words: how many, which one, which year, how much; telephone numbers digit by digit."""

import re


def say_numbers(text: str, language: str = "en-us") -> str:
    """Every digit of `text` in words; "and" within numbers where the British say it."""
    text = _MONEY.sub(lambda m: _money(m, language), text)
    text = _SPACED.sub(" ", text)
    text = _MINUS.sub("minus ", text)
    return _NUMBER.sub(lambda m: _number(m, language), text)


def say_telephones(text: str) -> str:
    """Telephone numbers digit by digit, in their groups; other numbers stay as they are."""
    return _PHONE.sub(_telephone, text)


def cardinal(digits: str, language: str = "en-us") -> str:
    """Digits as "one thousand two hundred (and) four"; one by one from 16 on, and after a zero."""
    from hibari.g2p import numbers

    digits = digits.replace(",", "")
    if len(digits) > 15 or (len(digits) > 1 and digits.startswith("0")):
        return " ".join(map(numbers.cardinal, map(int, digits)))
    return _accent(numbers.cardinal(int(digits)), language)


def _accent(words: str, language: str) -> str:
    words = words.replace(",", "")
    return words.replace(" and ", " ") if language == "en-us" else words


def _number(match: re.Match[str], language: str) -> str:
    """One number as it stands in a text, with what is written onto it."""
    from hibari.g2p import numbers

    whole, decimals, suffix = match.group(1), match.group(2) or "", match.group(3) or ""
    if decimals.count(".") > 1:
        parts = [cardinal(part, language) for part in (whole + decimals).split(".")]
        return (" point " if len(parts) < 4 else " dot ").join(parts)
    if decimals:
        digits = " ".join(numbers.cardinal(int(digit)) for digit in decimals[1:])
        return f"{cardinal(whole, language)} point {digits} {suffix}".strip()
    value = int(whole.replace(",", "")) if len(whole) < 20 else 0
    if suffix in ("st", "nd", "rd", "th") and value:
        return _accent(numbers.ordinal(value), language)
    is_year = len(whole) == 4 and (1100 <= value <= 2099)
    words = _accent(numbers.year(value), language).replace("-", " ") if is_year else cardinal(whole, language)
    if suffix in ("s", "'s"):
        return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")
    return words + (f" {suffix}" if suffix else "")


def _money(match: re.Match[str], language: str) -> str:
    minus, unit, whole, decimals = match.groups()
    one, many, small_one, small_many = _UNITS[unit]
    words = [cardinal(whole, language), one if whole == "1" else many]
    if decimals and len(decimals) == 2:
        small = int(decimals)
        if small:
            words += ["and", cardinal(str(small), language), small_one if small == 1 else small_many]
        if small and whole == "0":
            words = words[3:]
    elif decimals:
        words = [cardinal(whole, language), "point", *(cardinal(d, language) for d in decimals), many]
    return f" {'minus ' * bool(minus)}{' '.join(words)} "


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match.group())
    plus = "plus " if match.group().startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


_UNITS = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
}
_MONEY = re.compile(r"((?<![\w.,)-])-)?([$£€])\s?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(?![\d,]\d)")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]\d{2,4}){1,4}"  # +44 20 7946 0958
    r"|\(\d{3,5}\) ?\d{3,4}[ -]?\d{3,4}"  # (555) 123-4567
    r"|0\d{2,4} \d{3,4} ?\d{3,4}"  # 020 7946 0958
    r"|\d{3}-\d{3}-\d{4})(?![\w-])"
)
_MINUS = re.compile(r"(?<![\w.,)-])-(?=\d)")
_SPACED = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=(?!(?:st|nd|rd|th|s)\b)[A-Za-z])")
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)((?:\.\d+)+)?(st\b|nd\b|rd\b|th\b|'?s\b)?")
