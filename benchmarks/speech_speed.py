"""How long people wait for speech, beside a well-known system where its files are given.

python -m benchmarks.speech_speed [--runs 3] [--kokoro MODEL.onnx VOICE.bin VOCAB.json] [--json FILE]

Cold figures are whole processes. Warm ones are of the library, each system's turn after the other's, the same
text, medians. Kokoro-82M runs as its users run it: the int8 file in onnxruntime, with the phones of ours.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.speed import median, process
from benchmarks.tables import table

FIVE = "Good morning to you all."
TEN = "The boat left the harbour early because the wind was good."
TEXTS = {
    "1 s": "Good morning to you.",
    "3 s": TEN,
    "10 s": f"{TEN} Nobody had slept much, but the coffee was hot, and the old captain told us how he had "
    "learned to read the clouds when he was a boy.",
}
MINUTES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="speech", metavar="NAME|PATH")
    parser.add_argument("--kokoro", nargs=3, type=Path, metavar=("MODEL", "VOICE", "VOCAB"))
    parser.add_argument("--long", action="store_true", help="also ten minutes of speech: time and memory")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        options = ["--seed", "1", "-m", args.model, "-o", f"{folder}/clip.wav", "--overwrite", "-q"]
        figures = {
            "cold speak of five words, seconds": median(
                lambda: process(["speak", FIVE, *options])[0], args.runs
            ),
            "peak memory of speak, 10 s, MB": median(
                lambda: process(["speak", TEXTS["10 s"], *options])[1], args.runs
            ),
        }
        if args.long:
            book = Path(folder) / "book.txt"
            book.write_text("\n\n".join([TEXTS["10 s"]] * (MINUTES * 6)))
            seconds, memory = process(["speak", "--file", str(book), *options])
            made = (Path(folder) / "clip.wav").stat().st_size / 48000
            figures["long text, minutes of speech"] = made / 60
            figures["long text, real-time factor, start included"] = seconds / made
            figures["long text, peak memory, MB"] = memory
    systems: dict[str, Callable[[str], float]] = {"maskaudio": ours(args.model)}
    if args.kokoro:
        systems["Kokoro-82M int8"] = kokoro(*args.kokoro)
    figures |= race(systems, args.runs) | first_audio(args.model, args.runs)
    print(table(["figure", "value"], ([name, f"{value:.3g}"] for name, value in figures.items())))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def race(systems: dict[str, Callable[[str], float]], runs: int) -> dict[str, float]:
    """Real-time factors, the systems in turn."""
    figures = {}
    for length, text in TEXTS.items():
        factors: dict[str, list[float]] = {name: [] for name in systems}
        for speak in systems.values():
            speak(text)  # warms up
        for _ in range(runs):
            for name, speak in systems.items():
                began = time.perf_counter()
                made = speak(text)
                factors[name].append((time.perf_counter() - began) / made)
        figures |= {
            f"{name}, about {length}, real-time factor": statistics.median(f) for name, f in factors.items()
        }
    return figures


def ours(model: str) -> Callable[[str], float]:
    """Text → seconds of speech made."""
    import maskaudio

    return lambda text: maskaudio.speak(text, seed=1, model=model).duration


def first_audio(model: str, runs: int) -> dict[str, float]:
    """Seconds until the first sentence of ten words can be heard, everything loaded."""
    from maskaudio.pipelines.speech import utterances

    def once() -> float:
        began = time.perf_counter()
        next(utterances(f"{TEN} {TEXTS['10 s']}", seed=1, model=model))
        return time.perf_counter() - began

    once()
    return {"first audio of a longer text, seconds": median(once, runs)}


def kokoro(model: Path, voice: Path, vocab: Path) -> Callable[[str], float]:
    """The same by Kokoro's int8 graph in onnxruntime."""
    import onnxruntime

    from maskaudio.text.script import read_script

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    table_of = json.loads(vocab.read_text())["vocab"]
    style = np.fromfile(voice, np.float32).reshape(-1, 1, 256)

    def speak(text: str) -> float:
        made = 0.0
        for sentence in read_script(text):
            ids = [table_of[s] for s in sentence.phones if s in table_of]
            given = (np.array([[0, *ids, 0]], np.int64), style[len(ids)], np.ones(1, np.float32))
            made += session.run(None, dict(zip(names, given, strict=True)))[0].size / 24000
        return made

    return speak


if __name__ == "__main__":
    main()
