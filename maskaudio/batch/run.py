"""Making what a manifest asks for, and what of it is still missing."""

import glob
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from maskaudio.batch.jobs import Job, Made, Outcome, grouped, make
from maskaudio.batch.journal import Journal, open_journal, write_results
from maskaudio.errors import MaskaudioError
from maskaudio.files import write_file


class Engine(Protocol):
    """Where groups are made."""

    def work(self, groups: Sequence[Sequence[Job]]) -> Iterator[tuple[int, list[Outcome]]]:
        """Each group's number and what became of its jobs, in whatever order they are ready."""


@dataclass(frozen=True)
class Here:
    """In this process, one group after the other."""

    device: str = "auto"

    def work(self, groups: Sequence[Sequence[Job]]) -> Iterator[tuple[int, list[Outcome]]]:
        for number, group in enumerate(groups):
            yield number, make(group, self.device)


@dataclass(frozen=True)
class Result:
    """What became of a line. `kept`: it was done already."""

    line: int
    record: dict[str, Any]
    kept: bool = False

    @property
    def error(self) -> str | None:
        return self.record.get("error")


def run_batch(
    jobs: Sequence[Job | Result],
    folder: Path,
    engine: Engine | None = None,
    *,
    resume: bool = True,
    overwrite: bool = False,
    retries: int = 0,
    fail_fast: bool = False,
    watch: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Make the file of every job in `folder`, and say in results.jsonl what became of each line.

    jobs: of a whole manifest; a line that asks for nothing that can be made stands there as the Result that
    says why. What the folder's journal has as done is kept, unless not to be resumed. A file that no batch
    made stays, and its line fails, without `overwrite`. retries: how often what may go better is tried again.
    watch is told of every result as it is there. With `fail_fast` nothing is begun after the first failure.

    Returns the results in the order of lines; results.jsonl holds the same, also of an interrupted batch.
    """
    engine = engine or Here()
    found: dict[int, Result] = {}

    def take(result: Result) -> None:
        found[result.line] = result
        watch(result)
        if fail_fast and result.error:
            raise _Enough

    with open_journal(folder, afresh=not resume) as journal:
        try:
            todo = {}
            for job in jobs:
                if isinstance(job, Result):
                    result = job
                elif record := journal.kept(key := job.key(), job.file):
                    result = Result(job.line, record | {"line": job.line}, kept=True)
                elif (folder / job.file).exists() and job.file not in journal.ours and not overwrite:
                    result = failure(job.line, f"{job.file} exists already; --overwrite replaces it")
                else:
                    todo[job.line] = key
                    continue
                take(result)
            whole = grouped([job for job in jobs if isinstance(job, Job)])
            groups = [group for group in whole if any(job.line in todo for job in group)]
            for attempt in range(retries + 1):
                again = []
                for number, outcomes in engine.work(groups):
                    group = groups[number]
                    for job, outcome in zip(group, outcomes, strict=True):
                        if job.line not in todo or job.line in found:
                            continue
                        if isinstance(outcome, Made):
                            result = _deliver(job, outcome, todo[job.line], journal)
                        elif outcome.final or attempt == retries:
                            result = failure(job.line, outcome.error, attempts=attempt + 1)
                        else:
                            again.append(group)
                            continue
                        take(result)
                groups = [group for i, group in enumerate(again) if group not in again[:i]]
                if not groups:
                    break
        except _Enough:
            pass
        finally:
            results = [found[line] for line in sorted(found)]
            write_results(folder, [result.record for result in results])
    return results


class _Enough(Exception):
    """One failure is one too many."""


def failure(line: int, error: str, **more: Any) -> Result:
    """The result of a line that has no file."""
    return Result(line, {"line": line, "status": "failed", "error": error, **more})


def _deliver(job: Job, made: Made, key: str, journal: Journal) -> Result:
    """Write a finished file, and say so in the journal."""
    path = journal.folder / job.file
    journal.begin(key, job.file)  # where not even this can be written, the batch ends
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        write_file(path, made.data)
    except (FileExistsError, NotADirectoryError):
        return failure(job.line, f"{job.file}: a file stands where its folder should be")
    except OSError as error:
        return failure(job.line, f"{job.file}: cannot be written ({error.strerror})")
    except MaskaudioError as error:
        return failure(job.line, str(error))
    record = {
        "line": job.line,
        "status": "done",
        "file": job.file,
        "task": job.task,
        "model": made.model,
        "seed": job.seed,
        "duration": round(made.seconds, 4),
        "sample_rate": made.rate,
        "sha256": hashlib.sha256(made.data).hexdigest(),
        "seconds": round(made.took, 3),
    }
    journal.finish(key, record)
    return Result(job.line, record)


def _sweep(path: Path) -> None:
    """Remove what a killed batch left of `path`."""
    for part in path.parent.glob(f".{glob.escape(path.name[:100])}.*.part"):
        part.unlink(missing_ok=True)
