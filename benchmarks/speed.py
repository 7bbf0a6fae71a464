"""How long people wait, beside others, and what it takes: one race, interleaved, threads fixed.

python -m benchmarks speed [--quick] [--rounds 3] [--threads 2] [--out DIR] [--peers DIR] [--only NAME …]
                           [--venv DIR] [--model NAME|PATH] [--speech-model NAME|PATH]

Every round runs every task once, beginning elsewhere each time; figures are medians over the rounds with the
least and the most, comparisons are made round by round. Systems are processes of their own, loaded and asked
once before. Whole processes are timed from start to exit. Memory is the most that a process held resident
during a task, its model and leftovers of earlier tasks included: the least of the rounds. DIR of --peers is
what `python -m benchmarks.racing.peers DIR` has set up. Tables go to the terminal and to --out, with every
lap (speed.json) and pictures.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.racing import peers, plots
from benchmarks.racing.contestants import Contestant, whole_process
from benchmarks.racing.programme import PROCESS, SECTIONS, Programme, Table, Task
from benchmarks.racing.race import Lap, race
from benchmarks.racing.reports import load, machine, phases_table, raced_table, roofline_table
from benchmarks.racing.startup import imported, installed
from benchmarks.racing.texts import prompts, texts
from benchmarks.tables import table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--peers", type=Path, metavar="DIR")
    parser.add_argument(
        "--only", nargs="+", default=SECTIONS, choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS)
    )
    parser.add_argument("--venv", type=Path, metavar="DIR", help="a virtual environment to weigh")
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--speech-model", default="speech", metavar="NAME|PATH")
    args = parser.parse_args(arguments)
    found = peers.found(args.peers)
    programme = planned(args, found)
    sections = {name: programme.section(name) for name in args.only}
    profiled = programme.profiled() if "profile" in sections else {}
    counted = [row.task for t in sections.get("roofline", ()) for row in t.rows]

    before = load()
    with Field(args, found) as field:
        raced = {row.task: row.task.once for tables in sections.values() for t in tables for row in t.rows}
        field.enter([*raced, *profiled.values()])
        laps = field.race(list(raced), 1 if args.quick else args.rounds)
        gflop = {task: field.ask(task, "gflop") for task in counted if field.here(task)}
        phases = {title: field.ask(task, "phases") for title, task in profiled.items() if field.here(task)}
    parts = [f"{machine(args.threads)}; load {before} before, {load()} at the end"]
    if args.quick:
        parts.append("A quick run, to see that it runs: the figures mean nothing.")
    if args.venv or ("cold" in sections and not args.quick):
        parts.append(start_up(args.venv))
    for name, tables in sections.items():
        if name == "roofline":
            parts += [roofline_table(t, laps, gflop) for t in tables]
        else:
            parts += [raced_table(t, laps) for t in tables]
    parts += [phases_table(title, spent) for title, spent in phases.items()]
    text = "\n\n".join(part.strip() for part in parts if part) + "\n"
    print(text)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        titles = {name: peers.PEERS[name].title for name in found}
        pictures = list(drawn(sections, laps, phases, titles, args.out))
        shown = "".join(f"\n![{picture}]({picture})\n" for picture in pictures)
        (args.out / "speed.md").write_text(text + shown, encoding="utf-8")
        kept = {str(task): [vars(lap) for lap in own] for task, own in laps.items()}
        everything = {"laps": kept, "gflop": {str(t): v for t, v in gflop.items()}, "phases": phases}
        (args.out / "speed.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")


def planned(args: argparse.Namespace, found: Mapping[str, Path]) -> Programme:
    """What is raced."""
    known = {
        "speakers": tuple((name, peers.PEERS[name].title) for name in found if peers.PEERS[name].speaks),
        "audiocraft": "audiocraft" in found,
        "threads": args.threads,
    }
    if args.quick:
        short = {"lengths": (1.0,), "usual": 1.0, "many": 2, "batches": (1, 2), "steps": (4,), "long": False}
        return Programme(**short, other_threads=(args.threads,), **known)
    return Programme(other_threads=sorted({1, 2, args.threads}), **known)


class Field:
    """Everybody in the race: contestants by name, and a folder for what whole processes write."""

    def __init__(self, args: argparse.Namespace, found: Mapping[str, Path]):
        self.threads, self.models = args.threads, {"sound": args.model, "speech": args.speech_model}
        self.commands: dict[str, list[str | Path]] = {
            "sound": _ours("sound", args.model),
            "speech": _ours("speech", args.speech_model),
            "magnet": _ours("magnet", "tiny" if args.quick and "audiocraft" not in found else "small"),
            "matrix": _ours("matrix"),
        } | {name: peers.command(name, folder) for name, folder in found.items()}
        self.contestants: dict[str, Contestant] = {}
        self.stack = ExitStack()

    def __enter__(self) -> "Field":
        self.room = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def enter(self, tasks: list[Task]) -> None:
        """Start whom these tasks need, all at once, and ask each for the first of its tasks."""
        first = {task.who: task for task in tasks[::-1] if task.who != PROCESS}
        for who in first:
            name, _, threads = who.partition("@")
            contestant = Contestant(self.commands[name], int(threads or self.threads))
            self.contestants[who] = self.stack.enter_context(contestant)
        for task in first.values():
            try:
                self.contestants[task.who].ask(task.do, number=0, **task.asked)
            except RuntimeError as error:
                _say(f"{task.who} cannot start: {error}")
                del self.contestants[task.who]

    def here(self, task: Task) -> bool:
        """Whether a task has anybody to do it."""
        return task.who == PROCESS or task.who in self.contestants

    def race(self, tasks: list[Task], rounds: int) -> dict[Task, list[Lap]]:
        """The laps of all whose contestants have started."""
        here = [task for task in tasks if self.here(task)]
        runs = {task: self._run(task) for task in here}
        once = [task for task in here if task.once]
        return race(runs, rounds, once=once, failed=lambda task, error: _say(f"{task} is out: {error}"))

    def ask(self, task: Task, what: str) -> Any:
        """What a contestant of ours says of a task: its `gflop` or `phases`."""
        return self.contestants[task.who].ask(what, of=task.do, number=0, **task.asked)

    def _run(self, task: Task) -> Any:
        def run(number: int) -> Lap:
            if task.who == PROCESS:
                lap = self._process(task, number)
            else:  # the first round has been rehearsed with its own texts
                lap = self.contestants[task.who].lap(task.do, number=number + 1, **task.asked)
            _say(f"round {number + 1}: {task}: {lap.seconds:.2f} s")
            return lap

        return run

    def _process(self, task: Task, number: int) -> Lap:
        """`maskaudio generate` or `speak` from start to exit; or `--help`."""
        if task.do == "help":
            return whole_process(["--help"], self.threads)
        seconds, out, text = task.asked["seconds"], self.room / "clip.wav", self.room / "text.txt"
        options = ["--seed", str(number), "-o", str(out), "--overwrite", "-q"]
        if task.do == "generate":
            asked = [prompts(number, 1)[0], "-d", str(seconds), "-m", self.models["sound"]]
        else:
            text.write_text(texts(seconds, number)[0])
            asked = ["--file", str(text), "-m", self.models["speech"]]
        lap = whole_process([task.do, *asked, *options], self.threads)
        return Lap(lap.seconds, _duration(out), lap.memory)


def start_up(environment: Path | None) -> str:
    """What commands import, and the weight of an installation."""
    with tempfile.TemporaryDirectory() as folder:
        generate = ["generate", "rain", "-d", "1", "-o", f"{folder}/clip.wav", "-q"]
        rows = [["--help imports", imported(["--help"])], ["generate imports", imported(generate)]]
    if environment:
        rows.append(["installed", installed(environment)])
    return table(["start-up", ""], rows)


def drawn(
    sections: Mapping[str, tuple[Table, ...]],
    laps: Mapping[Task, list[Lap]],
    phases: Mapping[str, Mapping[str, float]],
    titles: Mapping[str, str],
    folder: Path,
) -> Iterator[str]:
    """Draws what there is to draw, and yields the names of the files."""
    if plots.plot_lengths(laps, titles, folder / "lengths.png"):
        yield "lengths.png"
    for name, tables in sections.items():
        if plots.plot_ratios(tables, laps, folder / f"{name}.png"):
            yield f"{name}.png"
    if plots.plot_phases(phases, folder / "phases.png"):
        yield "phases.png"


def _ours(name: str, *model: str) -> list[str | Path]:
    return [sys.executable, "-m", "benchmarks.racing.ours", name, *model]


def _duration(file: Path) -> float:
    """Seconds of a WAV file."""
    import wave

    with wave.open(str(file)) as clip:
        return clip.getnframes() / clip.getframerate()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
