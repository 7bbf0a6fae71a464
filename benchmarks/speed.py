"""How long people wait, and what it takes.

python -m benchmarks.speed [--runs 5] [--venv DIR] [--model NAME|PATH] [--json FILE]

Cold figures are whole processes, from start to exit; memory is the most that such a process held. `--venv`
names a virtual environment to measure the install of.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.tables import table

PROMPT = "rain on a tin roof with distant thunder"
HEAVY = ("torch", "numpy", "scipy", "librosa")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="every figure is a median of so many runs")
    parser.add_argument("--venv", type=Path, metavar="DIR")
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "clip.wav")

        def command(seconds: int) -> list[str]:
            options = ["-d", str(seconds), "--seed", "1", "-m", args.model, "-o", out, "--overwrite", "-q"]
            return ["generate", PROMPT, *options]

        figures: dict[str, float | str] = {
            "--help, seconds": median(lambda: process(["--help"])[0], args.runs),
            "--help imports": imported(["--help"]),
            "generate imports": imported(command(1)),
            "cold generate of 3 s, seconds": median(lambda: process(command(3))[0], args.runs),
            "peak memory of generate, 10 s, MB": median(lambda: process(command(10))[1], args.runs),
            "peak memory of generate, 30 s, MB": median(lambda: process(command(30))[1], args.runs),
        }
    figures |= warm(args.model, args.runs)
    if args.venv:
        figures["install, MB"] = size(args.venv)
        own = [p for p in args.venv.rglob("site-packages/maskaudio") if p.is_dir()]
        figures["install, of it maskaudio and its models, MB"] = sum(map(size, own))
    shown = ([name, v if isinstance(v, str) else f"{v:.3g}"] for name, v in figures.items())
    print(table(["figure", "value"], shown))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def median(call: Callable[[], float], runs: int) -> float:
    return statistics.median(call() for _ in range(runs))


def process(arguments: list[str]) -> tuple[float, float]:
    """Run `python -m maskaudio …`; seconds from start to exit, and the most memory it held in MB."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "maskaudio", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"maskaudio {' '.join(arguments)}: exit status {os.waitstatus_to_exitcode(status)}")
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return seconds, usage.ru_maxrss * scale / 1e6


def imported(arguments: list[str]) -> str:
    """Which of the heavy modules a command imports."""
    line = [sys.executable, "-X", "importtime", "-m", "maskaudio", *arguments]
    log = subprocess.run(line, capture_output=True, text=True, check=True).stderr
    names = set(re.findall(r"^import time:.*\|\s+(\w+)$", log, re.MULTILINE))
    return ", ".join(name for name in HEAVY if name in names) or "none of " + ", ".join(HEAVY)


def warm(model: str, runs: int, seconds: float = 10.0) -> dict[str, float]:
    """Real-time factor of the library call, the model loaded and used once before."""
    import torch

    import maskaudio

    def once() -> float:
        began = time.perf_counter()
        maskaudio.generate(PROMPT, duration=seconds, seed=1, model=model)
        return time.perf_counter() - began

    once()
    threads = torch.get_num_threads()
    return {f"warm real-time factor of {seconds:.0f} s ({threads} threads)": median(once, runs) / seconds}


def size(folder: Path) -> float:
    """MB of all files in a folder, links not followed."""
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sum(p.stat().st_size for p in files) / 1e6


if __name__ == "__main__":
    main()
