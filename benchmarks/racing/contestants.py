"""Contestants of a race: processes that are asked and answer, a line of JSON each.

A contestant may live in a virtual environment of its own: its side, `answer`, is standard library alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.racing.race import Lap

ROOT = Path(__file__).resolve().parents[2]


class Contestant:
    """A system loaded once, in a process of its own that keeps to `threads` threads."""

    def __init__(self, command: Sequence[str | Path], threads: int):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # one that has ended may not have read all
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def ask(self, do: str, **request: Any) -> Any:
        """What its method `do` returns. Raises RuntimeError with the last line it wrote where it fails."""
        try:
            print(json.dumps({"do": do, **request}), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            said = self.log.read().strip().splitlines()
            raise RuntimeError(said[-1] if said else "it ended without a word") from None
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["made"]

    def lap(self, do: str, **request: Any) -> Lap:
        """Time and memory of a method that returns seconds of audio."""
        self._forget_peak()
        began = time.perf_counter()
        audio = self.ask(do, **request)
        return Lap(time.perf_counter() - began, audio, self._peak())

    def _forget_peak(self) -> None:
        with suppress(OSError):  # not Linux, or not allowed: the peak is that of its whole life
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _peak(self) -> float:
        """The most memory resident since it was last forgotten in MB; 0 where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6


def answer(start: Callable[[], object]) -> None:
    """The contestant's side: start a system, then answer with what its methods return, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    system = start()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"made": getattr(system, request.pop("do"))(**request)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


def whole_process(arguments: Sequence[str], threads: int, audio: float = 0.0) -> Lap:
    """`python -m maskaudio …` from start to exit, which makes so many seconds of audio.

    Its memory counts from what this process holds on: keep this one small.
    """
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "maskaudio", *arguments],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"maskaudio {' '.join(arguments)}: exit status {child.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return Lap(seconds, audio, usage.ru_maxrss * scale / 1e6)
