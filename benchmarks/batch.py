"""Batches: dependable, and how fast.

python -m benchmarks.batch dependable --out RUN [--lines 1000] [--kills 10]
python -m benchmarks.batch throughput --out RUN [--lines 100] [--rounds 3]
python -m benchmarks.batch ray --out RUN [--lines 200]
python -m benchmarks.batch memory --out RUN [--lines 1000]

`dependable` makes a mixed manifest with bad lines once undisturbed and once killed with -9 at random moments
and resumed, and compares the sums of all files. `throughput` races a batch against one warm loop over the
same lines and against a process for each. `ray` runs two workers, one of which is killed, and one worker.
`memory` makes short sounds only, and compares what is resident after a tenth of them and at the end.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.tables import table
from maskaudio.batch.folder import JOURNAL, LOCK, RESULTS

SOUNDS = ["rain on a tin roof", "a dog barking", "a church bell", "waves on a beach", "a cow mooing"]
SAID = [
    "Press one for sales.",
    "Mind the gap.",
    "The door is open.",
    "Level up!",
    "Your call is important to us.",
]
FORMATS = ["wav", "flac", "ogg", "opus", "mp3", "raw"]
KEPT = (JOURNAL, RESULTS, LOCK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["dependable", "throughput", "ray", "memory"])
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--lines", type=int)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "dependable":
        dependable(args.out, args.lines or 1000, args.kills)
    elif args.what == "throughput":
        throughput(args.out, args.lines or 100, args.rounds)
    elif args.what == "memory":
        memory(args.out, args.lines or 1000)
    else:
        on_ray(args.out, args.lines or 200)


def dependable(out: Path, lines: int, kills: int) -> None:
    """Undisturbed against killed and resumed."""
    manifest, bad = mixed(out, lines)
    for name in ("whole", "killed"):
        shutil.rmtree(out / name, ignore_errors=True)
    started = time.perf_counter()
    run(manifest, out / "whole")
    took = time.perf_counter() - started
    chance, killed = random.Random(1), 0
    for _ in range(kills):
        process = subprocess.Popen(command(manifest, out / "killed"), stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=4 + chance.uniform(0, 0.8 * took / kills))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    run(manifest, out / "killed")
    first, second = sums(out / "whole"), sums(out / "killed")
    results = [json.loads(line) for line in (out / "whole/results.jsonl").read_text().splitlines()]
    failed = {r["line"]: r["error"] for r in results if r["status"] == "failed"}
    strangers = [p for p in out.iterdir() if p.name not in ("whole", "killed", manifest.name, "take.wav")]
    wrong = len(set(failed) - bad)
    rows = [
        ["lines", lines],
        ["files made, lines failed", f"{len(first)}, {len(failed)}"],
        ["bad lines that failed, good ones that did", f"{len(bad & set(failed))} of {len(bad)}, {wrong}"],
        ["files outside the folder", len(strangers)],
        [f"sums equal after {killed} × kill -9", "yes" if first == second else "NO"],
        ["half-written files left", len(list(out.rglob("*.part")))],
        ["seconds undisturbed", f"{took:.0f}"],
    ]
    print(table(["figure", "value"], rows))
    for error, count in Counter(e.replace(str(out), "") for e in failed.values()).most_common():
        print(f"{count:4} × {error}")


def throughput(out: Path, lines: int, rounds: int) -> None:
    """A batch, a warm loop over single clips (interleaved with it), and a process for each line."""
    from maskaudio import generate
    from maskaudio.audio import encode_audio

    rows = []
    for seconds in (2, 10):
        manifest = out / f"{seconds}.txt"
        manifest.write_text("".join(f"{SOUNDS[i % 5]}\n" for i in range(lines)))
        prompts = manifest.read_text().splitlines()
        generate("rain", duration=seconds, seed=0)
        loops, batches = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            for i, prompt in enumerate(prompts):
                encode_audio(generate(prompt, duration=float(seconds), seed=i), "wav")
            loops.append(time.perf_counter() - started)
            shutil.rmtree(out / "batch", ignore_errors=True)
            started = time.perf_counter()
            run(manifest, out / "batch", "-d", str(seconds))
            batches.append(time.perf_counter() - started)
        single = [
            sys.executable,
            "-m",
            "maskaudio",
            "generate",
            "rain",
            "-d",
            str(seconds),
            "-o",
            str(out / "x.wav"),
        ]
        alone = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([*single, "--overwrite", "-q"], check=True)
            alone.append(time.perf_counter() - started)
        warm = statistics.median(loops) / statistics.median(batches)
        cold = statistics.median(alone) * lines / statistics.median(batches)
        rows.append([f"{seconds} s", f"{statistics.median(batches):.1f}", f"{warm:.2f}", f"{cold:.1f}"])
    header = [
        f"{lines} clips of",
        "batch, whole process, s",
        "times a warm loop's speed",
        "times that of a process each",
    ]
    print(table(header, rows))


def on_ray(out: Path, lines: int) -> None:
    """Two workers, one killed on the way; one worker; the same sums."""
    manifest = out / "ray.txt"
    manifest.write_text("".join(f"{SOUNDS[i % 5]}\n" for i in range(lines)))
    took = {}
    for name, workers, kill in (
        ("one worker", 1, False),
        ("two workers", 2, False),
        ("two, one killed", 2, True),
    ):
        folder = out / name.replace(", ", "-").replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        asked = ("-d", "2", "--engine", "ray", "--workers", str(workers), "--threads", "1")
        process = subprocess.Popen(command(manifest, folder, *asked), stderr=subprocess.PIPE, text=True)
        begun = None
        for number, _ in enumerate(process.stderr):
            begun = begun or time.perf_counter()
            if kill and number == lines // 4:
                actors = subprocess.run(["pgrep", "-f", "ray::_Worker"], capture_output=True, text=True)
                os.kill(int(actors.stdout.split()[0]), signal.SIGKILL)
        process.wait()
        took[name] = (time.perf_counter() - begun, sums(folder), process.returncode)
    (_, whole, _), base = took["one worker"], took["one worker"][0]
    rows = [
        [name, f"{seconds:.1f}", f"{base / seconds:.2f}", code, len(files), "yes" if files == whole else "NO"]
        for name, (seconds, files, code) in took.items()
    ]
    header = [
        f"{lines} clips of 2 s",
        "seconds from the first file on",
        "speed",
        "exit code",
        "files",
        "sums equal",
    ]
    print(table(header, rows))


def memory(out: Path, lines: int) -> None:
    """Whether a long batch grows."""
    manifest = out / "short.txt"
    manifest.write_text("".join(f"{SOUNDS[i % 5]}\n" for i in range(lines)))
    shutil.rmtree(out / "short", ignore_errors=True)
    early, most = run(manifest, out / "short", "-d", "0.5")
    print(
        f"{lines} sounds of half a second: {early:.0f} MB after a tenth of them, at most {most:.0f} MB later"
    )


def mixed(out: Path, lines: int) -> tuple[Path, set[int]]:
    """A manifest of sounds, speech, edits and bad lines, in every format; the numbers of the bad ones."""
    tone = 0.3 * np.sin(np.arange(36000) * 0.05)
    soundfile.write(out / "take.wav", tone, 24000)
    rows, bad = [], set()
    for i in range(lines):
        row = {"format": FORMATS[i % 6]}
        kind = i % 20
        if kind < 11:
            row |= {"prompt": SOUNDS[i % 5], "duration": [1, 1.5, 2][i % 3]}
        elif kind < 15:
            row |= {"text": SAID[i % 5], "voice": ["ada", "bram"][i % 2]}
        elif kind == 15:
            row |= {"task": "edit inpaint", "in": "take.wav", "from": 0.5, "to": 0.8}
        else:
            bad.add(i + 1)
            row |= [
                {"text": "Who?", "voice": "nobody"},
                {"task": "generate", "prompt": " "},
                {"prompt": "rain", "output": "../../out.wav"},
                {"prompt": "rain", "output": "twice.wav", "duration": 1},
            ][kind - 16]
        rows.append(row)
    bad.discard(20)  # the first twice.wav is as it should be
    path = out / "mixed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, bad


def command(manifest: Path, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "maskaudio", "batch", str(manifest), "-o", str(folder), *more]


def run(manifest: Path, folder: Path, *more: str) -> tuple[float, float]:
    """Run a batch to its end; resident megabytes after a tenth of its lines, and the most after that."""
    process = subprocess.Popen(command(manifest, folder, *more), stderr=subprocess.PIPE, text=True)
    early, most = 0.0, 0.0
    total = sum(1 for _ in manifest.open())
    for number in itertools.count():
        if not process.stderr.readline():
            break
        if number >= total // 10:
            try:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            except (OSError, IndexError):
                continue
            early, most = early or pages * 4096 / 1e6, max(most, pages * 4096 / 1e6)
    if process.wait() not in (0, 3):
        raise SystemExit(f"the batch ended with {process.returncode}")
    return early, most


def sums(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in KEPT]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


if __name__ == "__main__":
    main()
