"""Does what stands in a gap fit what stands around it?

python -m benchmarks.editing --sounds DIR [--clips 24] [--model NAME|PATH]

Cuts gaps of 0.1 to 2 s out of unseen clips and fills them: by `maskaudio.edit.inpaint` with the clip's
caption and without words, with silence, by repeating what came before, and by a spectrum that goes in a
straight line from one edge to the other (log-magnitudes; phases by Griffin-Lim). `codec` is the truth as
the codec gives it back: what no filling can beat on average. Distances to the truth are mel distances in dB
(smaller is nearer), in the gap and across its joints, 50 ms on either side of both edges. A filling that
makes another sound that would fit as well is far away, too: baselines that say nothing are not punished for
it. Counts samples outside the gaps that changed.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.codec import unseen_sounds
from benchmarks.corpus import SAMPLE_RATE, single, waves
from benchmarks.tables import table
from maskaudio import edit
from maskaudio.audio import Audio
from maskaudio.codec.load import load_codec
from maskaudio.codec.stft import GriffinLim, stft_magnitude
from maskaudio.evaluation.mel import mel_distance

GAPS = (0.1, 0.25, 0.5, 1.0, 2.0)  # seconds
JOINT = 0.05  # seconds on either side of an edge
AROUND = 0.5  # seconds of sound that a gap needs on either side
N_FFT, HOP = 960, 240

Fill = Callable[[np.ndarray, int, int, str], np.ndarray]  # wave [N], first, last, caption → wave [N]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, metavar="DIR")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    args = parser.parse_args()

    fills = {
        "inpaint, told what it is": inpainted(args.model, told=True),
        "inpaint, without words": inpainted(args.model, told=False),
        "silence": silent,
        "repeat what came before": repeated,
        "straight line of spectra": straight,
        "codec": coded(),
    }
    inside = {name: dict.fromkeys(GAPS, 0.0) for name in fills}
    across = {name: dict.fromkeys(GAPS, 0.0) for name in fills}
    changed = 0
    for gap in GAPS:
        clips = long_enough(args.sounds, gap, args.clips)
        for caption, wave in clips:
            first = (len(wave) - round(gap * SAMPLE_RATE)) // 2
            last = first + round(gap * SAMPLE_RATE)
            for name, fill in fills.items():
                made = fill(wave, first, last, caption)
                if name != "codec":
                    changed += int((made != wave)[np.r_[:first, last : len(wave)]].sum())
                inside[name][gap] += apart(wave, made, first, last) / len(clips)
                edge = round(JOINT * SAMPLE_RATE)
                joints = [apart(wave, made, at - edge, at + edge) for at in (first, last)]
                across[name][gap] += float(np.mean(joints)) / len(clips)
    for title, figures in (("in the gap", inside), ("across the joints", across)):
        rows = [[name, *(f"{row[gap]:.1f}" for gap in GAPS)] for name, row in figures.items()]
        print(table([f"dB {title}, gap of", *(f"{gap:g} s" for gap in GAPS)], rows), flush=True)
    print(f"samples outside the gaps that changed: {changed}")


def long_enough(folder: Path, gap: float, count: int) -> list[tuple[str, np.ndarray]]:
    """Captions and waves of `count` unseen clips that sound on both sides of a gap in their middle."""
    found = []
    clips = [c for c in unseen_sounds(folder) if c.captions and single(c)]
    for index in np.random.default_rng(0).permutation(len(clips)):
        if len(found) == count:
            break
        ((clip, wave),) = waves([clips[index]], seconds=6.0)
        middle, half = len(wave) // 2, round((gap / 2 + AROUND) * SAMPLE_RATE)
        if len(wave) < 2 * half:
            continue
        parts = np.split(wave[middle - half : middle + half], 8)[:: 7 if gap < 1 else 1]
        if min(float(np.abs(part).max()) for part in parts) > 1e-2:
            found.append((clip.captions[0], wave))
    return found


def apart(true: np.ndarray, made: np.ndarray, first: int, last: int) -> float:
    """Mel distance of two waves between two samples, with a window's length around them."""
    around = slice(max(0, first - 256), last + 256)
    return mel_distance(torch.from_numpy(true[None, around]), torch.from_numpy(made[None, around]))


def inpainted(model: str, told: bool) -> Fill:
    def fill(wave: np.ndarray, first: int, last: int, caption: str) -> np.ndarray:
        clip = Audio(wave[None], SAMPLE_RATE)
        start, end = first / SAMPLE_RATE, last / SAMPLE_RATE
        prompt = caption if told else None
        return edit.inpaint(clip, start, end, prompt=prompt, seed=1, model=model, device="cpu").samples[0]

    return fill


def silent(wave: np.ndarray, first: int, last: int, caption: str) -> np.ndarray:
    made = wave.copy()
    made[first:last] = 0
    return made


def repeated(wave: np.ndarray, first: int, last: int, caption: str) -> np.ndarray:
    """As long a piece as is missing, from just before; as often as it takes."""
    made = wave.copy()
    before = wave[max(0, 2 * first - last) : first]
    made[first:last] = np.resize(before, last - first)
    return made


def straight(wave: np.ndarray, first: int, last: int, caption: str) -> np.ndarray:
    """From the mean log-spectrum of the 50 ms before to that of the 50 ms after."""
    edge = round(JOINT * SAMPLE_RATE)
    window = torch.hann_window(N_FFT)
    sides = []
    for at in (slice(first - 2 * edge, first), slice(last, last + 2 * edge)):
        magnitude = stft_magnitude(torch.from_numpy(wave[None, at].copy()), window, HOP)
        sides.append(magnitude[:, :, 2:-2].clamp(min=1e-3).log().mean(2, keepdim=True))
    frames = -(-(last - first) // HOP)
    course = (torch.arange(frames) + 0.5) / frames
    between = (sides[0] * (1 - course) + sides[1] * course).exp()
    made = wave.copy()
    made[first:last] = GriffinLim(N_FFT, HOP, 32)(between)[0, : last - first].numpy()
    return made


def coded() -> Fill:
    """The truth through the codec, in the streams that the sound model fills."""
    codec = load_codec("codec")

    @torch.inference_mode()
    def fill(wave: np.ndarray, first: int, last: int, caption: str) -> np.ndarray:
        codes = codec.encode(torch.from_numpy(wave)[None, None])[:, :4]
        made = wave.copy()
        made[first:last] = codec.decode(codes)[0, 0, first:last].numpy()
        return made

    return fill


if __name__ == "__main__":
    main()
