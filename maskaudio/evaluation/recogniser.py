"""What is said in a clip, and how much of it is wrong: words by Whisper, or phones by our own tokeniser."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.evaluation.packages import needed, optional
from maskaudio.evaluation.scores import Part
from maskaudio.text.normalise import normalise


class Ear(Protocol):
    """Hears clips and counts errors."""

    name: str
    rate: int  # Hz of the waves it hears

    def expected(self, text: str) -> str:
        """What should be heard of a text; "" where it holds nothing to say."""

    def hear(self, wave: np.ndarray) -> str:
        """What is said in float32 [N]."""

    def errors(self, expected: str, heard: str) -> dict[str, Part]:
        """Errors by measure, and of how many words, characters or phones."""


class Whisper:
    """Words by faster-whisper, from a folder on this machine; nothing is fetched.

    Raises UsageError where the folder holds no model, MaskaudioError where faster-whisper is not installed.
    """

    rate = 16000

    def __init__(self, folder: Path, language: str = "en-us", device: str = "cpu"):
        if not (folder / "model.bin").is_file():
            raise UsageError(f"{folder}: no recogniser; give a folder of faster-whisper's with a model.bin")
        self.name, self.language = folder.resolve().name, language
        self.jiwer = needed("jiwer", "word error")
        module = needed("faster_whisper", "a recogniser")
        import torch

        kind = "float16" if device == "cuda" else "float32"
        where = device if device == "cuda" else "cpu"
        try:
            self.model = module.WhisperModel(
                str(folder),
                where,
                compute_type=kind,
                cpu_threads=torch.get_num_threads(),
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise MaskaudioError(f"{folder}: not a recogniser of faster-whisper's ({error})") from None

    def expected(self, text: str) -> str:
        return plain_words(text, self.language)

    def hear(self, wave: np.ndarray) -> str:
        # nothing is drawn by chance or remembered: a clip gets the same words whatever stands beside it
        found, _ = self.model.transcribe(
            wave.clip(-1, 1),
            language=self.language[:2],
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return " ".join(part.text.strip() for part in found)

    def errors(self, expected: str, heard: str) -> dict[str, Part]:
        said = min(readings(heard, self.language), key=lambda words: self.jiwer.cer(expected, words))
        words = self.jiwer.process_words(expected, said)
        return {"wer": _part(words), "cer": _part(self.jiwer.process_characters(expected, said))}


class Phones:
    """Phones by the CTC head of maskaudio's speech tokeniser, for whoever has no recogniser at hand.

    It is ours: clips that our own models made to please it look better to it than they are.
    """

    def __init__(self, missing: dict[str, str], language: str = "en-us", device: str = "cpu"):
        from maskaudio.codec.load import load_tokeniser

        self.tokeniser, self.device, self.language = load_tokeniser("speech-tokens", device), device, language
        self.rate, self.name = self.tokeniser.sample_rate, f"maskaudio's {self.tokeniser.name}"
        self.jiwer = optional("jiwer", "phone error", ("per",), missing)

    def expected(self, text: str) -> str:
        from maskaudio.text.phonemes import phonemise
        from maskaudio.text.units import units

        return _spaced(units(phonemise(text, self.language)).phones)

    def hear(self, wave: np.ndarray) -> str:
        import torch

        from maskaudio.codec.semantic import spelled

        with torch.inference_mode():
            tokens = self.tokeniser.encode(torch.from_numpy(wave)[None, None].to(self.device))
            heard = self.tokeniser.spell(tokens)[0].cpu()
        return _spaced(spelled(heard, len(heard)))

    def errors(self, expected: str, heard: str) -> dict[str, Part]:
        return {"per": _part(self.jiwer.process_words(expected, heard))} if self.jiwer else {}


def plain_words(text: str, language: str = "en-us") -> str:
    """A text as words alone: lower case, numbers and signs as they are said, one spelling, no punctuation."""
    text = normalise(text.replace("’", "'"), language).lower()
    text = re.sub("[^a-z ]", " ", text.replace("'", ""))
    text = _AND.sub(" ", text)
    return " ".join(_SPELLINGS.get(word, word) for word in text.split())


def readings(heard: str, language: str = "en-us") -> list[str]:
    """The ways to say what a recogniser wrote: 162 is a number, but also one six two, or one sixty-two."""
    digits = re.sub(r"\d(?=\d)", r"\g<0> ", heard)
    pairs = re.sub(r"(?<![\d.,])(\d{1,2})(\d\d)(?![\d.,]?\d)", r"\1 \2", heard)
    return list(dict.fromkeys(plain_words(way, language) for way in (heard, digits, pairs)))


def _part(found: Any) -> Part:
    """Edits and the length of the reference, out of what jiwer says."""
    wrong = found.substitutions + found.deletions + found.insertions
    return float(wrong), float(found.hits + found.substitutions + found.deletions)


def _spaced(phones: Sequence[int]) -> str:
    from maskaudio.text.phones import PHONES

    return " ".join(PHONES[int(i)] for i in phones)


_AND = re.compile(r"(?<=undred|ousand|illion) and (?=[a-z])")
_SPELLINGS = {
    "colour": "color", "favourite": "favorite", "neighbour": "neighbor", "harbour": "harbor",
    "honour": "honor", "labour": "labor", "grey": "gray", "centre": "center", "theatre": "theater",
    "metre": "meter", "metres": "meters", "kilometre": "kilometer", "kilometres": "kilometers",
    "travelled": "traveled", "programme": "program", "ok": "okay", "mr": "mister", "mrs": "missus",
    "dr": "doctor", "st": "saint", "vs": "versus", "kg": "kilograms", "km": "kilometers",
}  # fmt: skip
