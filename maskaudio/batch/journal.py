"""The journal of a batch: what was begun and what is done, safe under kill -9."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maskaudio.batch.folder import JOURNAL, LOCK, RESULTS
from maskaudio.errors import MaskaudioError
from maskaudio.files import write_file


class Journal:
    """An append-only file of JSON lines in the folder of a batch.

    A line says that a job was begun, or done, before and after its file takes its place. So a file that
    exists is either done, or begun and to be made again, or not ours.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / JOURNAL
        self.ours: dict[str, str | None] = {}  # file that was begun → key of the job that is done with it
        self.done: dict[str, dict[str, Any]] = {}  # key → record
        for record in _records(self.path):
            self._take(record)

    def begin(self, key: str, file: str) -> None:
        """Say that `file` is about to be written; what was said of it before no longer holds."""
        self._append({"begun": key, "file": file})

    def finish(self, key: str, record: dict[str, Any]) -> None:
        """Say that a file is whole: `record` is what results.jsonl tells of it."""
        self._append({"done": key, **record})

    def kept(self, key: str, file: str) -> dict[str, Any] | None:
        """The record of a job that is done and whose file is still there."""
        return self.done.get(key) if (self.folder / file).is_file() else None

    def _take(self, record: dict[str, Any]) -> None:
        key = record.get("done")
        self.done.pop(self.ours.get(record["file"]), None)
        self.ours[record["file"]] = key
        if key:
            self.done[key] = {k: v for k, v in record.items() if k != "done"}

    def _append(self, record: dict[str, Any]) -> None:
        self._take(record)
        with _saying(self.path), self.path.open("ab") as file:
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def open_journal(folder: Path, *, afresh: bool = False) -> Iterator[Journal]:
    """The journal of `folder`, ours alone until the end of the block; `afresh` forgets what it says.

    Raises MaskaudioError where another batch is at work there, or the journal is damaged.
    """
    import filelock

    with _saying(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise MaskaudioError(
                f"{folder}: another batch is at work there; wait for it, or stop it"
            ) from None
    try:
        with _saying(folder):
            journal = folder / JOURNAL
            if afresh:
                journal.unlink(missing_ok=True)
            elif journal.exists():
                _mend(journal)
        yield Journal(folder)
    finally:
        lock.release()


def write_results(folder: Path, records: Iterable[dict[str, Any]]) -> None:
    """results.jsonl: one record a line of the manifest, in its order; replaced as a whole."""
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    write_file(folder / RESULTS, "".join(lines).encode(errors="replace"))


def _mend(journal: Path) -> None:
    """Cut off a last line that a kill left unfinished."""
    with journal.open("r+b") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = json.loads(line)
            if not (isinstance(record["file"], str) and ("begun" in record) != ("done" in record)):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise MaskaudioError(f"{path}, line {number}: damaged; --no-resume starts afresh") from None
        yield record


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    """One line for whatever the system refuses."""
    try:
        yield
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot be written ({error.strerror})") from None
