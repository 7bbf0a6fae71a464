"""Rebuild samples/: fixed prompts and sentences, seeds 0 to 2, unselected; pictures, and a page of them all.

python -m samples.make
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

import maskaudio
from maskaudio.audio import Audio
from maskaudio.checkpoints.registry import find_model
from maskaudio.checkpoints.voices import voice_files
from maskaudio.evaluation.mel import mel_db
from maskaudio.files import write_file
from maskaudio.pictures import Trace, draw_spectrogram

HERE = Path(__file__).parent
SEEDS = range(3)
SECONDS = 4.0
TRACED = "rain on a tin roof with distant thunder"
PAGE = """# Samples

Everything here is as it came: prompts and sentences were fixed before, nothing is selected, seeds are 0, 1
and 2. `python -m samples.make` makes all of it anew. The sounds are of kinds that the model covers, listed by
`maskaudio models show sound --classes`.

A decode, step by step (`maskaudio generate "{traced}" -d 4 --seed 0 --trace decode.png`): the first stream
takes nine steps, the others one each.

![The grid by the step that revealed each cell](decode.png)

## Sounds

{sounds}

## Speech

{speech}
"""


@dataclass(frozen=True)
class Sample:
    """What is asked for, the folder and name of its files, the command, and how to make it of a seed."""

    title: str
    folder: str
    name: str
    command: str
    make: Callable[[int], Audio]

    def save(self) -> str:
        """Write an Opus file for every seed and the picture of the first; returns the passage about them."""
        for seed in SEEDS:
            made = self.make(seed)
            made.save(HERE / self.folder / f"{self.name}_{seed}.opus")
            if seed == 0:
                mel = mel_db(torch.from_numpy(made.samples.mean(0))[None])[0].numpy()
                write_file(HERE / "pictures" / f"{self.name}.png", draw_spectrogram(mel, made.duration))
        files = " · ".join(f"[seed {seed}]({self.folder}/{self.name}_{seed}.opus)" for seed in SEEDS)
        picture = f"![spectrogram](pictures/{self.name}.png)"
        return f"### {self.title}\n\n{picture}\n\n{files}\n\n    {self.command}"


def main() -> None:
    """Make everything."""
    for folder in ("generated", "spoken", "pictures"):
        (HERE / folder).mkdir(exist_ok=True)
        for old in (HERE / folder).iterdir():
            old.unlink()
    passages = ["\n\n".join(sample.save() for sample in samples) for samples in (sounds(), speech())]
    trace = Trace()
    maskaudio.generate(TRACED, duration=SECONDS, seed=0, observer=trace)
    trace.save(HERE / "decode.png")
    page = PAGE.format(traced=TRACED, sounds=passages[0], speech=passages[1])
    write_file(HERE / "README.md", page.encode())


def sounds() -> list[Sample]:
    """One for every line of prompts.txt."""
    return [
        Sample(
            prompt,
            "generated",
            plain(prompt),
            f"maskaudio generate {shlex.quote(prompt)} -d {SECONDS:g} --seed 0",
            lambda seed, prompt=prompt: maskaudio.generate(prompt, duration=SECONDS, seed=seed),
        )
        for prompt in (HERE / "prompts.txt").read_text().splitlines()
    ]


def speech() -> list[Sample]:
    """One for every line of sentences.txt; the voices in the box take turns."""
    voices = list(voice_files(find_model("speech", "speech")))
    sentences = (HERE / "sentences.txt").read_text().splitlines()
    return [
        Sample(
            f"{voice}: {sentence}",
            "spoken",
            f"{voice}_{plain(sentence)[:40]}",
            f"maskaudio speak {shlex.quote(sentence)} --voice {voice} --seed 0",
            lambda seed, said=sentence, voice=voice: maskaudio.speak(said, voice=voice, seed=seed),
        )
        for sentence, voice in zip(sentences, voices[: len(sentences)], strict=True)
    ]


def plain(text: str) -> str:
    """A file's name out of a text."""
    return "".join(c for c in text.replace(" ", "-") if c.isalnum() or c == "-")


if __name__ == "__main__":
    main()
