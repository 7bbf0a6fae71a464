"""What `python -m benchmarks speed` races, by sections: tables of tasks, each compared with another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

STEPS = (4, 8, 12, 32)
WAYS = ("flattened", "delayed")  # of benchmarks/autoregressive.py, each with and without guidance
PROCESS = "process"  # a whole one, from start to exit
LONG = 600.0  # seconds


@dataclass(frozen=True)
class Task:
    """A request to a contestant; `once`: it takes so long that one round has to do."""

    who: str  # "sound", or "sound@1" where it keeps to one thread
    do: str
    request: tuple[tuple[str, Any], ...] = ()
    once: bool = False

    def __str__(self) -> str:
        return " ".join([self.who, self.do, *(f"{name}={value}" for name, value in self.request)])

    @property
    def asked(self) -> dict[str, Any]:
        """The request's arguments."""
        return dict(self.request)


@dataclass(frozen=True)
class Row:
    """A line of a table: a task, and the one that its cost is compared with."""

    label: str
    task: Task
    against: Task | None = None


@dataclass(frozen=True)
class Table:
    """Rows under a title; `compared` heads the column of what they cost beside the other task."""

    title: str
    rows: tuple[Row, ...]
    compared: str = ""


@dataclass(frozen=True)
class Programme:
    """The sections for `lengths` in seconds, `usual` being the one to compare with."""

    lengths: Sequence[float] = (1.0, 3.0, 10.0, 60.0)
    usual: float = 10.0
    many: int = 8
    batches: Sequence[int] = (1, 2, 4, 8)
    threads: int = 2  # of every contestant that says nothing else
    other_threads: Sequence[int] = (1, 2)
    steps: Sequence[int] = STEPS
    long: bool = True
    speakers: tuple[tuple[str, str], ...] = ()  # peers that speak: name and title
    audiocraft: bool = False

    def section(self, name: str) -> tuple[Table, ...]:
        """The tables of a section."""
        return tuple(getattr(self, name)())

    def generate(self) -> Iterable[Table]:
        return self._library("sound", "generate")

    def speak(self) -> Iterable[Table]:
        lengths, *others = self._library("speech", "speak")
        first = Row(f"first sentence of {self.usual:g} s", task("speech", "first", seconds=self.usual))
        return Table(lengths.title, (*lengths.rows, first), lengths.compared), *others

    def cold(self) -> Iterable[Table]:
        rows = [Row("--help", task(PROCESS, "help"))]
        for do in ("generate", "speak"):
            rows += [Row(f"{do}, {s:g} s", task(PROCESS, do, seconds=s)) for s in self.lengths]
        yield Table("Whole processes, from start to exit", tuple(rows))

    def autoregressive(self) -> Iterable[Table]:
        for suffix, title in (("", "guided"), (", no guidance", "without guidance")):
            tasks = {
                way: task("sound", "fill", seconds=self.usual, way=way + suffix) for way in ("masked", *WAYS)
            }
            rows = tuple(Row(way, t, tasks["masked"]) for way, t in tasks.items())
            yield Table(
                f"The same transformer, {title}: codes of {self.usual:g} s, no codec", rows, "times masked"
            )

    def peers(self) -> Iterable[Table]:
        for length in self.lengths:
            own = task("speech", "speak", seconds=length)
            rows = [Row("maskaudio", own, own)]
            rows += [Row(title, task(who, "speak", seconds=length), own) for who, title in self.speakers]
            yield Table(f"Speech beside others, {length:g} s", tuple(rows), "times ours")

    def magnet(self) -> Iterable[Table]:
        rows = []
        for stage in (0, 1):
            own = task("magnet", "step", stage=stage)
            rows.append(Row(f"maskaudio, stage {stage + 1}", own, own))
            if self.audiocraft:
                other = task("audiocraft", "step", stage=stage)
                rows.append(Row(f"audiocraft 1.3.0, stage {stage + 1}", other, own))
            alone = task("magnet", "step", stage=stage, guided=False)
            rows.append(Row(f"maskaudio, stage {stage + 1}, without guidance", alone, own))
        title = "A step of MAGNeT-small, 10 s, random weights"
        yield Table(title, tuple(rows), "times ours")

    def roofline(self) -> Iterable[Table]:
        parts = {
            f"generate, {self.usual:g} s": task("sound", "generate", seconds=self.usual),
            f"codec decode, {self.usual:g} s": task("sound", "decode", seconds=self.usual),
            f"speak, {self.usual:g} s": task("speech", "speak", seconds=self.usual),
            "step of MAGNeT-small, stage 1": task("magnet", "step", stage=0),
            "step of MAGNeT-small, stage 2": task("magnet", "step", stage=1),
        }
        product = Row("fp32 product of 2048 × 2048", task("matrix", "product"))
        yield Table("What the roofline is made of", (product, *(Row(*part) for part in parts.items())))

    def scaling(self) -> Iterable[Table]:
        for who, do in (("sound", "generate"), ("speech", "speak")):
            usual = task(who, do, seconds=self.usual)
            rows = [Row(f"{s:g} s", task(who, do, seconds=s), usual) for s in self.lengths]
            if self.long:
                long = task(PROCESS, do, once=True, seconds=LONG)
                rows.append(Row(f"{LONG:g} s, the whole process", long, usual))
            yield Table(f"{do}: duration", tuple(rows), f"cost of an audio second, times {self.usual:g} s")
            yield Table(
                f"{do}: {self.usual:g} s clips in one call",
                tuple(Row(str(n), _many(who, do, self.usual, n), usual) for n in self.batches),
                "cost of an audio second, times one alone",
            )
            kept = {n: who if n == self.threads else f"{who}@{n}" for n in self.other_threads}
            threads = {n: task(name, do, seconds=self.usual) for n, name in kept.items()}
            least = min(threads)
            yield Table(
                f"{do}: threads, {self.usual:g} s",
                tuple(Row(str(n), t, threads[least]) for n, t in threads.items()),
                f"times {least}",
            )

    def profile(self) -> Iterable[Table]:
        return ()

    def profiled(self) -> dict[str, Task]:
        """Of what the time by phase is asked."""
        usual = {"seconds": self.usual}
        return {
            f"generate, {self.usual:g} s": task("sound", "generate", **usual),
            f"speak, {self.usual:g} s": task("speech", "speak", **usual),
        }

    def _library(self, who: str, do: str) -> Iterable[Table]:
        usual = task(who, do, seconds=self.usual)
        single = [task(who, do, seconds=s) for s in self.lengths]
        yield Table(
            f"{do}, the model loaded",
            tuple(Row(f"{t.asked['seconds']:g} s", t, usual) for t in single),
            f"cost of an audio second, times {self.usual:g} s",
        )
        together = [(s, t) for s, t in zip(self.lengths, single, strict=True) if s <= self.usual]
        yield Table(
            f"{do}, {self.many} clips in one call",
            tuple(Row(f"{self.many} × {s:g} s", _many(who, do, s, self.many), t) for s, t in together),
            "cost of an audio second, times one alone",
        )
        rows = [Row("as it comes", usual, usual)]
        rows += [Row(str(n), task(who, do, seconds=self.usual, steps=n), usual) for n in self.steps]
        yield Table(f"{do}, {self.usual:g} s, by steps", tuple(rows), "times as it comes")


SECTIONS = (
    *("generate", "speak", "cold", "autoregressive", "peers", "magnet", "roofline", "scaling", "profile"),
)


def task(who: str, do: str, once: bool = False, **request: Any) -> Task:
    """A task by the arguments of its request."""
    return Task(who, do, tuple(request.items()), once)


def _many(who: str, do: str, seconds: float, count: int) -> Task:
    return task(who, do, seconds=seconds, **({"count": count} if count > 1 else {}))
