"""The lexicon that texts are read with: hibari-tts, misaki's English front end without its weight."""

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=2)
def lexicon(language: str) -> Any:
    """hibari's G2P for "en-us" or "en-gb": dictionaries, tagger, and a network for words they lack.

    0.3 s for the first call; onnxruntime is imported with the first unknown word.
    """
    from hibari.g2p import G2P

    return G2P(british=language == "en-gb")


def is_word(word: str, language: str) -> bool:
    """Whether the main dictionary holds `word` as it is written."""
    return word in lexicon(language).lexicon.golds
