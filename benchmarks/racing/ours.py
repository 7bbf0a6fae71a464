"""Our side of the race: python -m benchmarks.racing.ours sound|speech|magnet|matrix [MODEL]"""

import sys
from collections.abc import Callable
from typing import Any

import torch

import maskaudio
from benchmarks.racing.contestants import answer
from benchmarks.racing.phases import phases
from benchmarks.racing.roofline import MatrixProduct, gflop
from benchmarks.racing.texts import prompts, texts


class Ours:
    """What any of ours can say of itself."""

    def gflop(self, of: str, **request: Any) -> float:
        """Floating-point operations of a request in 10⁹."""
        return gflop(lambda: getattr(self, of)(**request))

    def phases(self, of: str, **request: Any) -> dict[str, float]:
        """Seconds of a request by phase."""
        return phases(lambda: getattr(self, of)(**request))


class Sound(Ours):
    """`maskaudio.generate` with a model; and parts of what it does."""

    def __init__(self, model: str = "sound"):
        from maskaudio.pipelines.sound_model import load

        self.model, self.sound = model, load(model)

    def generate(self, number: int, seconds: float, count: int = 1, steps: int | None = None) -> float:
        """`count` sounds in one call, seconds of audio."""
        asked: Any = prompts(number, count)
        seeds: Any = [number * count + i for i in range(count)]
        if count == 1:
            asked, seeds = asked[0], seeds[0]
        made = maskaudio.generate(asked, duration=seconds, seed=seeds, steps=steps, model=self.model)
        return made.duration if count == 1 else sum(audio.duration for audio in made)

    def fill(self, number: int, seconds: float, way: str) -> float:
        """Codes of one sound in one of the WAYS of benchmarks/autoregressive.py; no audio is made of them."""
        from benchmarks.autoregressive import WAYS
        from benchmarks.autoregressive import way as way_of

        way_of(self.sound, **WAYS[way])(prompts(number, 1)[0], self._frames(seconds), number)
        return seconds

    @torch.inference_mode()
    def decode(self, number: int, seconds: float) -> float:
        """Random codes → audio, by the codec alone."""
        codec, generator = self.sound.codec, torch.Generator().manual_seed(number)
        shape = (1, self.sound.transformer.streams, self._frames(seconds))
        wave = codec.decode(torch.randint(0, codec.vocab, shape, generator=generator))
        return wave.shape[-1] / codec.sample_rate

    def _frames(self, seconds: float) -> int:
        return round(seconds * self.sound.codec.frame_rate)


class Speech(Ours):
    """`maskaudio.speak` with a model."""

    def __init__(self, model: str = "speech"):
        from maskaudio.pipelines.speech_model import load

        self.model = model
        load(model)

    def speak(self, number: int, seconds: float, count: int = 1, steps: int | None = None) -> float:
        """`count` texts of about so many seconds in one call, seconds of audio."""
        said: Any = texts(seconds, number, count)
        if count == 1:
            return maskaudio.speak(said[0], seed=number, steps=steps, model=self.model).duration
        seeds = [number * count + i for i in range(count)]
        return sum(a.duration for a in maskaudio.speak(said, seed=seeds, steps=steps, model=self.model))

    def first(self, number: int, seconds: float) -> float:
        """The first sentence of a text, and no more: 0 seconds of audio, for it is the wait that counts."""
        from maskaudio.pipelines.speech import utterances

        next(utterances(texts(seconds, number)[0], seed=number, model=self.model))
        return 0.0


class Magnet(Ours):
    """MAGNeT-small at its true shape (`tiny`: a toy) with random weights: one step of ten seconds."""

    def __init__(self, shape: str = "small"):
        from maskaudio.networks.magnet import MagnetConfig, MagnetNetwork

        size = (
            {"dim": 1024, "layers": 24, "heads": 16, "feed": 4096}
            if shape == "small"
            else {"dim": 32, "layers": 2, "heads": 2, "feed": 64}
        )
        self.config = MagnetConfig(streams=4, vocab=2048, text_dim=768, frames=500, **size)
        torch.manual_seed(0)
        self.network = MagnetNetwork(self.config).eval()
        words = torch.ones(1, 16, dtype=torch.bool)
        with torch.inference_mode():
            told = self.network.condition(torch.randn(1, 16, 768), words)
            self.told = told
            self.both = self.network.transformer.join(told, self.network.nothing(1))

    @torch.inference_mode()
    def step(self, number: int, stage: int = 0, guided: bool = True) -> float:
        """The first step of a stage, with both rows of guidance or without; no audio comes of it."""
        c, generator = self.config, torch.Generator().manual_seed(number)
        rows, condition = (2, self.both) if guided else (1, self.told)
        codes = torch.randint(0, c.vocab, (rows, c.streams, c.frames), generator=generator)
        codes[:, stage:] = c.vocab
        every = torch.ones(rows, c.frames, dtype=torch.bool)
        logits = self.network.transformer.logits(codes, stage, condition, every)
        if guided:
            one, none = logits.chunk(2)
            none + 3.0 * (one - none)
        return 0.0


class Matrix(Ours, MatrixProduct):
    """The plain product that the roofline is."""


CONTESTANTS: dict[str, Callable[..., Ours]] = {
    "sound": Sound,
    "speech": Speech,
    "magnet": Magnet,
    "matrix": Matrix,
}

if __name__ == "__main__":
    answer(lambda: CONTESTANTS[sys.argv[1]](*sys.argv[2:]))
