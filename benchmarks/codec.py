"""What the codec loses and what it costs.

python -m benchmarks.codec --sounds DIR --speech DIR --out RUN [--codec NAME|PATH]

Prints mel distance by number of streams, real-time factors and GFLOP per audio second; writes validation
speech as it was and as the codec gives it back to RUN, with a manifest for a speech scorer for each
(RUN/originals.jsonl, RUN/resynthesis.jsonl: file, text, speaker, prompt). A line of a manifest names its
original as the voice prompt.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.corpus import SAMPLE_RATE, waves
from benchmarks.racing.roofline import gflop
from benchmarks.tables import table
from maskaudio.evaluation.mel import mel_distance
from maskaudio.training.clips import Clip, find_clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, metavar="DIR")
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--codec", default="codec", metavar="NAME|PATH")
    parser.add_argument("--clips", type=int, default=100, help="clips of each corpus for the mel distance")
    args = parser.parse_args()

    from maskaudio.codec.load import load_codec

    codec = load_codec(args.codec)
    corpora = {"speech": unseen_speech(args.speech), "sounds": unseen_sounds(args.sounds)}
    with torch.inference_mode():
        by_streams = {n: mel_by_streams(codec, c[: args.clips]) for n, c in corpora.items()}
        print(streams_table(by_streams), flush=True)
        cost = costs(codec)
        print(costs_table(cost), flush=True)
        write_speech(codec, corpora["speech"], args.out)
    (args.out / "codec.json").write_text(json.dumps({"mel_db": by_streams, "costs": cost}, indent=1))


def unseen_speech(folder: Path) -> list[Clip]:
    """Validation clips whose voice and words are in no training clip."""
    clips = find_clips(folder)[0]
    train = [c.fields for c in clips if c.split != "valid"]
    voices, texts = {f.get("speaker") for f in train}, {f.get("text") for f in train}
    valid = [c for c in clips if c.split == "valid"]
    return [c for c in valid if c.fields["speaker"] not in voices and c.fields["text"] not in texts]


def unseen_sounds(folder: Path) -> list[Clip]:
    """Validation clips of a kind that the codec was trained on (permissively licensed)."""
    clips = find_clips(folder)[0]
    return [c for c in clips if c.split == "valid" and c.fields.get("permissive", True)]


def mel_by_streams(codec: Any, clips: list[Clip]) -> list[float]:
    """Mean mel distance in dB of clips decoded from their first 1, 2, … K streams."""
    rows = []
    for _, wave in waves(clips, seconds=6.0):
        real = torch.from_numpy(wave)[None]
        codes = codec.encode(real[None])
        back = (codec.decode(codes[:, : j + 1])[:, 0] for j in range(codes.shape[1]))
        rows.append([mel_distance(real, b) for b in back])
    return np.mean(rows, 0).tolist()


def streams_table(by_streams: dict[str, list[float]]) -> str:
    streams = len(next(iter(by_streams.values())))
    rows = [[name, *(f"{value:.2f}" for value in row)] for name, row in by_streams.items()]
    return table(["mel distance (dB), streams decoded", *range(1, streams + 1)], rows)


def costs(codec: Any, seconds: int = 10, runs: int = 5) -> dict[str, dict[str, float]]:
    """Real-time factor (median of warm runs, one clip at a time) and GFLOP per audio second."""
    generator = torch.Generator().manual_seed(0)
    wave = 0.1 * torch.randn(1, 1, seconds * SAMPLE_RATE, generator=generator)
    codes = codec.encode(wave)
    work: dict[str, Callable[[], Tensor]] = {
        "encode": lambda: codec.encode(wave),
        "decode": lambda: codec.decode(codes),
    }
    return {
        name: {"rtf": median_time(call, runs) / seconds, "gflop_per_second": gflop(call) / seconds}
        for name, call in work.items()
    }


def median_time(call: Callable[[], Any], runs: int) -> float:
    """Seconds of a warm call."""
    call()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def costs_table(cost: dict[str, dict[str, float]]) -> str:
    rows = [[name, f"{c['rtf']:.4f}", f"{c['gflop_per_second']:.2f}"] for name, c in cost.items()]
    return table([f"{torch.get_num_threads()} threads", "real-time factor", "GFLOP per audio second"], rows)


def write_speech(codec: Any, clips: list[Clip], out: Path) -> None:
    """Originals and resynthesis as 16 bit WAV, with their manifests."""
    import soundfile

    manifests: dict[str, list[dict[str, str]]] = {"originals": [], "resynthesis": []}
    for name in manifests:
        (out / name).mkdir(parents=True, exist_ok=True)
    for clip, wave in waves(clips):
        back = codec.decode(codec.encode(torch.from_numpy(wave)[None, None]))[0, 0, : len(wave)].numpy()
        for name, samples in (("originals", wave), ("resynthesis", back)):
            file = f"{name}/{Path(clip.name).stem}.wav"
            soundfile.write(out / file, samples.clip(-1, 1), SAMPLE_RATE)
            row = {"file": file, "text": clip.fields["text"], "speaker": clip.fields["speaker"]}
            manifests[name].append(row | {"prompt": f"originals/{Path(clip.name).stem}.wav"})
    for name, rows in manifests.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
