"""Rebuild samples/: fixed prompts and sentences, seeds 0 to 2, unselected; and the picture of a decode.

python -m samples.make [sounds|speech]
"""

import sys
from pathlib import Path

import maskaudio
from maskaudio.checkpoints.registry import find_model
from maskaudio.checkpoints.voices import voice_files
from maskaudio.pictures import Trace

HERE = Path(__file__).parent
SEEDS = range(3)


def main() -> None:
    """Make what is asked for; everything where nothing is."""
    wanted = sys.argv[1:] or ["sounds", "speech"]
    if "sounds" in wanted:
        sounds()
    if "speech" in wanted:
        speech()


def sounds() -> None:
    """One Opus file per prompt and seed, and decode.png."""
    (HERE / "generated").mkdir(exist_ok=True)
    for prompt in (HERE / "prompts.txt").read_text().splitlines():
        for seed in SEEDS:
            made = maskaudio.generate(prompt, duration=4.0, seed=seed)
            made.save(HERE / "generated" / f"{plain(prompt)}_{seed}.opus")
    trace = Trace()
    maskaudio.generate("rain on a tin roof with distant thunder", seed=0, observer=trace)
    trace.save(HERE / "decode.png")


def speech() -> None:
    """One Opus file per sentence and seed; the voices in the box take turns."""
    (HERE / "spoken").mkdir(exist_ok=True)
    voices = list(voice_files(find_model("speech", "speech")))
    for number, sentence in enumerate((HERE / "sentences.txt").read_text().splitlines()):
        voice = voices[number % len(voices)]
        for seed in SEEDS:
            made = maskaudio.speak(sentence, voice=voice, seed=seed)
            made.save(HERE / "spoken" / f"{voice}_{plain(sentence)[:40]}_{seed}.opus")


def plain(text: str) -> str:
    """A file's name out of a text."""
    return "".join(c for c in text.replace(" ", "-") if c.isalnum() or c == "-")


if __name__ == "__main__":
    main()
