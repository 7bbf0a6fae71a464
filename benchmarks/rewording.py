"""Does a recording say its new words, in the voice it had?

python -m benchmarks.rewording --speech DIR --out RUN [--clips 40] [--model NAME|PATH]

One word of each unseen clip is replaced by another (`maskaudio.edit.reword`). Writes RUN/edited (the new
sentences) and RUN/before (the same clips as they are), each with a manifest for `maskaudio eval speech`: word
error of what is to be heard, similarity of the whole to the untouched clip. Says what share of the samples is
the recording's own, bit for bit.
"""

import argparse
import re
from pathlib import Path

import numpy as np

from benchmarks.codec import unseen_speech
from benchmarks.corpus import SAMPLE_RATE, waves
from benchmarks.speech import write, write_manifest
from maskaudio import edit
from maskaudio.audio import Audio
from maskaudio.errors import UsageError

NEW = ("river", "window", "morning", "teacher", "garden", "silver", "mountain", "table", "summer", "letter")
FEWEST = 6  # words of a sentence that is edited
LETTERS = 5  # of a word that is replaced: those are said clearly


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--model", default="speech", metavar="NAME|PATH")
    args = parser.parse_args()

    for part in ("edited", "before"):
        (args.out / part).mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, str]]] = {"edited": [], "before": []}
    kept, refused = [], 0
    for clip, wave in sorted(waves(unseen_speech(args.speech)), key=lambda x: x[0].name):
        if len(rows["edited"]) == args.clips:
            break
        text, number = clip.fields["text"], len(rows["edited"]) + refused
        old, new = replaceable(text), NEW[number % len(NEW)]
        if old is None or len(wave) < 2 * SAMPLE_RATE:
            continue
        try:
            made = edit.reword(Audio(wave[None], SAMPLE_RATE), old, new, seed=number, model=args.model)
        except UsageError:  # the tokeniser does not hear the word
            refused += 1
            continue
        name = f"{number:04d}.wav"
        write(args.out / "edited" / name, made.samples[0])
        write(args.out / "before" / name, wave)
        said = {"edited": re.sub(rf"\b{old}\b", new, text), "before": text}
        for part, words in said.items():
            row = {"file": f"{part}/{name}", "text": words, "speaker": clip.fields["speaker"]}
            rows[part].append(row | {"prompt": f"before/{name}"})
        kept.append(untouched(wave, made.samples[0]) / len(wave))
    for part, lines in rows.items():
        write_manifest(args.out / f"{part}.jsonl", lines)
    print(f"{len(kept)} clips edited, {refused} refused: the word was not found in them")
    print(f"samples that are the recording's own, bit for bit: {100 * np.mean(kept):.0f} %")


def replaceable(text: str) -> str | None:
    """The longest word of a sentence that it holds once."""
    words = re.findall(r"\b[a-z]+\b", text)
    once = [w for w in words if len(w) >= LETTERS and words.count(w) == 1 and "'" not in w]
    return max(once, key=len) if once and len(text.split()) >= FEWEST else None


def untouched(before: np.ndarray, after: np.ndarray) -> int:
    """Samples at the beginning and at the end that both have in common."""
    short = min(len(before), len(after))
    differs = [
        np.flatnonzero(a[:short] != b[:short]) for a, b in ((before, after), (before[::-1], after[::-1]))
    ]
    return sum(int(d[0]) if len(d) else short for d in differs)


if __name__ == "__main__":
    main()
