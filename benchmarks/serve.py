"""A crowd at the server.

python -m benchmarks.serve --out RUN [--callers 64] [--seconds 120]

Needs locust (pip install locust). Starts `maskaudio serve`, lets one caller and then `--callers` ask for
two-second sounds, one after the other without a pause, and now and then for a sentence; reports latencies,
what the company of others gains, and what the server's memory does.
"""

import argparse
import csv
import random
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.tables import table

try:
    from locust import HttpUser, task
except ImportError:
    raise SystemExit("this needs the Python package locust: pip install locust") from None

PROMPTS = ["rain on a tin roof", "a dog barking", "a church bell", "waves on a beach", "a cow mooing"]


class Caller(HttpUser):
    """Somebody who asks as soon as the last answer is there; a full queue is no error, it is asked again."""

    @task(9)
    def sound(self) -> None:
        self._ask("/v1/audio/generations", {"prompt": random.choice(PROMPTS), "duration": 2.0})

    @task(1)
    def speech(self) -> None:
        self._ask("/v1/audio/speech", {"input": "Your table is ready.", "voice": "ada"})

    def _ask(self, path: str, body: dict) -> None:
        with self.client.post(path, json=body, catch_response=True) as answer:
            if answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1:
                answer.success()
            elif answer.status_code == 200 and len(answer.content) < 1000:
                answer.failure("too short")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=120)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "maskaudio", "serve", "--port", "0", "--queue", str(args.callers)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", server.stderr.readline()).group()
        crowd(address, args.out / "warm", 4, 20)
        early = megabytes(server.pid)
        alone = crowd(address, args.out / "alone", 1, args.seconds // 2)
        together = crowd(address, args.out / "together", args.callers, args.seconds)
        late = megabytes(server.pid)
    finally:
        server.terminate()
        server.wait()
    rows = [[name, *figures.values()] for name, figures in (("1", alone), (str(args.callers), together))]
    print(table(["callers", *alone], rows))
    gain = together["requests a second"] / alone["requests a second"]
    print(
        f"together {gain:.2f} times the requests; resident {early:.0f} MB when warm, {late:.0f} MB at the end"
    )


def crowd(address: str, out: Path, callers: int, seconds: int) -> dict[str, float]:
    """`callers` at work for `seconds`."""
    locust = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        __file__,
        "--headless",
        "--host",
        address,
        "--csv",
        str(out),
    ]
    locust += [
        "-u",
        str(callers),
        "-r",
        str(callers),
        "-t",
        f"{seconds}s",
        "--only-summary",
        "--stop-timeout",
        "20",
    ]
    subprocess.run(locust, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with out.with_name(f"{out.name}_stats.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return {
        "requests": int(row["Request Count"]),
        "errors": int(row["Failure Count"]),
        "requests a second": round(float(row["Requests/s"]), 2),
        "p50, s": int(row["50%"]) / 1000,
        "p95, s": int(row["95%"]) / 1000,
    }


def megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
