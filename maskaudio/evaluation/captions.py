"""The baseline a text-to-sound model must beat: look up the nearest known caption."""

import math
import re
from collections import Counter

WORD = re.compile(r"[a-z0-9']+")


def words(text: str) -> list[str]:
    """Lower-case words of a caption or prompt."""
    return WORD.findall(text.lower())


def unseen(word: str, vocabulary: set[str]) -> bool:
    """Whether no caption holds `word` or a form of it: neither may begin with the other (from 4 letters)."""
    return not any(
        word == w or (len(w) > 3 and word.startswith(w)) or (len(word) > 3 and w.startswith(word))
        for w in vocabulary
    )


class NearestCaption:
    """Cosine of tf-idf bags of words; `labels` of the nearest of the captions given."""

    def __init__(self, captions: list[tuple[str, tuple[str, ...]]]):
        self.entries = sorted(set(captions))
        seen = Counter(w for text, _ in self.entries for w in set(words(text)))
        self.weight = {w: 1 + math.log(len(self.entries) / n) for w, n in seen.items()}
        self.bags = [self._bag(text) for text, _ in self.entries]

    def labels(self, prompt: str) -> tuple[str, ...]:
        """Labels of the caption nearest to `prompt`; none where they share no word."""
        bag = self._bag(prompt)
        cosines = [sum(v * other.get(w, 0.0) for w, v in bag.items()) for other in self.bags]
        best = max(range(len(cosines)), key=cosines.__getitem__)
        return self.entries[best][1] if cosines[best] > 0 else ()

    def _bag(self, text: str) -> dict[str, float]:
        bag = {w: n * self.weight[w] for w, n in Counter(words(text)).items() if w in self.weight}
        norm = math.sqrt(sum(v * v for v in bag.values())) or 1.0
        return {w: v / norm for w, v in bag.items()}
