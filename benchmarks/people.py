"""Real people through the codec, which was trained on synthetic voices: how much of them is left.

python -m benchmarks.people --people DIR --out RUN [--codec NAME|PATH]
maskaudio eval speech RUN/copies.jsonl

DIR has a folder of clips for every person (.wav, or .g722 as Asterisk has its announcers: needs PyAV). Of
those of 3 to 8 s, in the order of their names, COPIED go through the codec; JOINED others, one behind the
other, are the voice that they are compared with. Writes RUN/originals.jsonl, RUN/copies.jsonl (all streams)
and RUN/copies-6.jsonl (what speech uses) for a speech scorer, and prints how often the pitch of a copy is
that of the original.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.finetuning import decode, through
from benchmarks.speech import SAMPLE_RATE, mono, write, write_manifest
from benchmarks.tables import table
from maskaudio.codec.load import load_codec
from maskaudio.training.codec import WaveHalf

COPIED, JOINED = 6, 10  # clips
SHORTEST, LONGEST = 3.0, 8.0  # seconds
LEVEL = 0.6  # of the peak
NEAR = 3  # combs of 0.15 semitones: half a semitone
STREAMS = {"copies": None, "copies-6": 6}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--codec", default="codec", metavar="NAME|PATH")
    args = parser.parse_args()

    half = WaveHalf(load_codec(args.codec)).eval()
    lines: dict[str, list[dict[str, str]]] = {name: [] for name in ("originals", *STREAMS)}
    pitched = []
    for person in sorted(path for path in args.people.iterdir() if path.is_dir()):
        clips = list(itertools.islice(suitable(person), COPIED + JOINED))
        copied, joined = clips[:COPIED], clips[COPIED:]
        if not joined:
            raise SystemExit(f"{person}: has {len(clips)} clips of {SHORTEST:g} to {LONGEST:g} s: too few")
        folder = args.out / person.name
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "voice.wav", np.concatenate(joined))
        kept = []
        for number, wave in enumerate(copied):
            made = {"originals": wave} | {n: through(half.codec, wave, k) for n, k in STREAMS.items()}
            for name, samples in made.items():
                write(folder / f"{number}-{name}.wav", samples)
                row = {"file": f"{person.name}/{number}-{name}.wav", "text": "", "speaker": person.name}
                lines[name].append(row | {"prompt": f"{person.name}/voice.wav"})
            kept.append(same_pitch(half, torch.from_numpy(wave)[None]))
        pitched.append([person.name, f"{100 * float(torch.cat(kept).float().mean()):.0f} %"])
    for name, rows in lines.items():
        write_manifest(args.out / f"{name}.jsonl", rows)
    print(table(["person", "voiced frames within half a semitone"], pitched))


def suitable(person: Path) -> Iterator[np.ndarray]:
    """A person's clips that are neither short nor long, at one level, float32 [N] at 24 kHz."""
    for path in sorted(p for p in person.iterdir() if p.suffix in (".wav", ".g722")):
        wave = decode(path) if path.suffix == ".g722" else mono(path)
        if SHORTEST <= len(wave) / SAMPLE_RATE <= LONGEST and np.abs(wave).max() > 0.05:
            yield (LEVEL / np.abs(wave).max() * wave).astype(np.float32)


def same_pitch(half: WaveHalf, wave: Tensor) -> Tensor:
    """Of the voiced frames of wave [1, N]: whether the codec's copy has the pitch that is heard in them."""
    codec = half.codec
    known = half.pitch(half.log_magnitude(wave[:, : wave.shape[1] // codec.config.hop * codec.config.hop]))
    copy = codec.decode_mel(codec.encode(wave[:, None]))[..., : known.shape[1]]
    _, heard = codec.vocoder.log_magnitude(copy)
    near = (heard.argmax(-1) - known.argmax(-1)).abs() <= NEAR
    return near[known.any(-1)]


if __name__ == "__main__":
    main()
