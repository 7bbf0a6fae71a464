"""How near is treble that was made anew to the treble that was there?

python -m benchmarks.bandwidth --sounds DIR --model NAME|PATH [--clips 24]

Unseen clips with energy in their treble lose what lies above 4 or 8 kHz, and get it back: by
`maskaudio.edit.bandwidth` with and without the caption, by replicating the octave below, or not at all
(resampling). `codec` is the truth as the codec gives it back. Log-spectral distance to the truth in dB, above
the cutoff and over the whole spectrum: the mean over frames of the root mean square over bins.
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
from maskaudio.audio import Audio, resample
from maskaudio.codec.stft import stft_magnitude
from maskaudio.pipelines.sound_model import load

CUTOFFS = (4000, 8000)  # Hz
LONGEST = 5.0  # seconds of a clip that are used
FULL = 0.01  # share of a clip's power over 8 kHz that makes it one with treble
N_FFT, HOP = 960, 240
FLOOR = 1e-2  # magnitudes: what is under it is silence

Widen = Callable[[np.ndarray, int, str], np.ndarray]  # wave [N] at 24 kHz, empty above the cutoff → wave [N]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", required=True, metavar="NAME|PATH")
    parser.add_argument("--clips", type=int, default=24)
    args = parser.parse_args()

    ways: dict[str, Widen] = {
        "bandwidth, told what it is": widened(args.model, told=True),
        "bandwidth, without words": widened(args.model, told=False),
        "band replication": replicated,
        "resampling": lambda wave, cutoff, caption: wave,
    }
    rows: dict[str, list[str]] = {name: [] for name in [*ways, "codec"]}
    clips = with_treble(args.sounds, args.clips)
    for cutoff in CUTOFFS:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for caption, wave in clips:
            low = resample(resample(wave, SAMPLE_RATE, 2 * cutoff), 2 * cutoff, SAMPLE_RATE)[: len(wave)]
            for name, way in ways.items():
                found[name].append(distances(way(low, cutoff, caption), wave, cutoff))
            found["codec"].append(distances(coded(args.model, wave), wave, cutoff))
        for name, pairs in found.items():
            rows[name] += [f"{value:.1f}" for value in np.mean(pairs, axis=0)]
    heads = [f"{part}, {cutoff} Hz" for cutoff in CUTOFFS for part in ("above", "all")]
    print(
        f"{len(clips)} clips\n"
        + table(["log-spectral distance, dB", *heads], [[n, *r] for n, r in rows.items()])
    )


def with_treble(folder: Path, count: int) -> list[tuple[str, np.ndarray]]:
    """Captions and up to 5 s of unseen clips of one source that reach over 8 kHz."""
    found = []
    for clip, wave in waves([c for c in unseen_sounds(folder) if single(c)]):
        wave = wave[: round(LONGEST * SAMPLE_RATE)]
        power = np.square(np.abs(np.fft.rfft(wave)))
        treble = power[np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE) > 8000].sum()
        if treble > FULL * power.sum() > 0:
            found.append((clip.captions[0], wave))
        if len(found) == count:
            break
    return found


def widened(model: str, told: bool) -> Widen:
    def way(wave: np.ndarray, cutoff: int, caption: str) -> np.ndarray:
        clip, prompt = Audio(wave[None], SAMPLE_RATE), caption if told else None
        return edit.bandwidth(clip, model=model, cutoff=float(cutoff), prompt=prompt, seed=1).samples[0]

    return way


def replicated(wave: np.ndarray, cutoff: int, _: str) -> np.ndarray:
    """What lies in the octave below the cutoff once more above it, 6 dB an octave softer."""
    spectrum = np.fft.rfft(wave)
    bins = round(cutoff * len(wave) / SAMPLE_RATE)
    at = np.arange(bins, len(spectrum))
    source = bins // 2 + (at - bins) % (bins - bins // 2)
    spectrum[at] = spectrum[source] * (bins / at)
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


@torch.inference_mode()
def coded(model: str, wave: np.ndarray) -> np.ndarray:
    """wave [N] through the codec of the model."""
    codec = load(model).codec
    return codec.decode(codec.encode(torch.from_numpy(wave)[None, None]))[0, 0, : len(wave)].numpy()


def distances(made: np.ndarray, true: np.ndarray, cutoff: int) -> tuple[float, float]:
    """Log-spectral distance of two waves [N] in dB, above the cutoff and over all."""
    whole = len(true) // HOP * HOP
    pictures = torch.from_numpy(np.stack([made[:whole], true[:whole]]))
    decibels = 20 * stft_magnitude(pictures, torch.hann_window(N_FFT), HOP).clamp(min=FLOOR).log10()
    apart = (decibels[0] - decibels[1]).square()  # [bins, frames]
    first = round(cutoff * N_FFT / SAMPLE_RATE)
    return float(apart[first:].mean(0).sqrt().mean()), float(apart.mean(0).sqrt().mean())


if __name__ == "__main__":
    main()
