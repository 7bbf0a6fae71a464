"""What is asked for in a speed benchmark: other words every round, so that nobody gains by remembering."""

import json
from pathlib import Path

SENTENCES = json.loads((Path(__file__).parent.parent / "sentences.json").read_text("utf-8"))["test"]
PROMPTS = (
    "rain on a tin roof with distant thunder",
    "a dog barking in a yard",
    "waves on a stony beach",
    "a church bell far away",
    "an engine starting",
    "birds singing in a wood",
    "a slow piano melody",
    "wind in dry leaves",
)
PACE = 15.0  # characters a second


def prompts(number: int, count: int) -> list[str]:
    """So many sounds to be made in round `number`."""
    return [PROMPTS[(number + i) % len(PROMPTS)] for i in range(count)]


def texts(seconds: float, number: int, count: int = 1) -> list[str]:
    """So many texts of about `seconds` seconds (at least 1.5) to be said in round `number`."""
    return [_text(seconds, number * count + i) for i in range(count)]


def _text(seconds: float, number: int) -> str:
    """Sentences from one place in the list on, and last the one whose length fits best."""
    left, chosen = PACE * seconds, []
    longest = max(map(len, SENTENCES))
    at = number * 17
    while left > longest:
        chosen.append(SENTENCES[at % len(SENTENCES)])
        left -= len(chosen[-1]) + 1
        at += 1
    fitting = sorted(SENTENCES, key=lambda s: abs(len(s) - left))
    return " ".join([*chosen, fitting[number % 8]])
