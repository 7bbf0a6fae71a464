"""Addresses of the web read out: "https://example.com/page" → "example dot com slash page"."""

import re


def say_addresses(text: str) -> str:
    """Web and e-mail addresses in words; the scheme and "www." are left out, as people do."""
    return _ADDRESS.sub(_say, _BRACKETED.sub(r"\1", text))


def _say(match: re.Match[str]) -> str:
    address = match.group()
    end = len(address.rstrip(".,;:!?'\")]}>/-"))
    address, rest = address[:end], address[end:].lstrip("/")
    parts = _PARTS.findall(_SCHEME.sub("", address))
    said = [_NAMES.get(part) or (" ".join(part.upper()) if _spelt(part) else part) for part in parts]
    return " ".join(said) + rest


def _spelt(part: str) -> bool:
    """Letters that are no word (uk, io, html), and long numbers."""
    return bool(_SPELT.match(part)) or (part.isdigit() and len(part) > 4)


_TOP = "com|org|net|edu|gov|mil|info|biz|io|ai|dev|app|co|uk|de|fr|eu|us|ca|au|nz|ie|jp|ch|me|tv|fm|ly|xyz"
_ADDRESS = re.compile(
    r"\bhttps?://[^\s<>]+|\bwww\.[^\s<>]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}\b"
    rf"|(?<![\w.@-])(?:[a-zA-Z0-9-]{{1,63}}\.){{1,5}}(?:{_TOP})\b(?![.'][a-z])(?:/[^\s<>]*)?"
)
_BRACKETED = re.compile(r"<((?:https?://|www\.|[\w.+-]{1,64}@)[^\s<>]{1,1000})>")
_SCHEME = re.compile(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)
_PARTS = re.compile(r"[A-Za-z]+|\d+|[^\w\s]|_")
_SPELT = re.compile("(uk|io|ai|eu|us|ca|au|nz|ie|jp|ch|tv|fm|de|fr|html|php|https?)$")
_NAMES = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark", "=": "equals", "&": "and",
    "#": "hash", "@": "at", ":": "colon", "%": "percent", "+": "plus", "~": "tilde", ",": "comma",
}  # fmt: skip
