"""What a line asks for, and how a group of lines is made."""

import functools
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskaudio.audio import Audio, encode_audio, read_audio
from maskaudio.errors import MaskaudioError, UsageError, first_line


@dataclass(frozen=True)
class Job:
    """One file to be made.

    told: the arguments of the function that makes it, `maskaudio.generate`, `.speak` or one of
    `maskaudio.edit`, as JSON could hold them; the seed stands apart. source: the recording that is edited.
    file: where it goes, within the folder of the batch.
    """

    line: int
    task: str
    told: dict[str, Any]
    seed: int
    file: str
    format: str
    tags: bool = True
    source: Path | None = None

    def key(self) -> str:
        """A hash of everything that the file's bytes depend on, clips that are read included."""
        asked = [self.task, self.told, self.seed, self.file, self.format, self.tags]
        clips = [self.source, self.told.get("voice")]
        contents = [_digest(Path(clip)) for clip in clips if clip is not None]
        return hashlib.sha256(json.dumps([asked, contents], sort_keys=True).encode()).hexdigest()

    def alike(self) -> str:
        """Jobs for which this is the same can be decoded together; "" for those that cannot."""
        told = self.told
        if self.task == "generate" and not told.get("loop") and 0 < told["duration"] <= SECONDS:
            own = ("prompt",)
        elif self.task == "speak" and len(told["text"]) <= SHORT:
            own = ("text", "voice")
        else:
            return ""
        return json.dumps({k: v for k, v in told.items() if k not in own}, sort_keys=True)


@dataclass(frozen=True)
class Made:
    """A finished file's bytes, and what is to be known of it; `took` is its share of its group's seconds."""

    data: bytes
    seconds: float
    rate: int
    took: float
    model: str


@dataclass(frozen=True)
class Failed:
    """Why there is no file. `final`: asking again would change nothing."""

    error: str
    final: bool


Outcome = Made | Failed

SHORT = 200  # characters of a text that is spoken side by side with others
LINES = 8  # of them in a group
SECONDS = 20.0  # of sound in a group: ten clips of two seconds take half the time of ten alone, on a CPU too


def grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that are made together: of one model and length, in order: as many as there is room for.

    Always formed from a whole manifest: what a clip becomes may hang on its group's shape in the last digit.
    """
    waiting: dict[str, list[Job]] = {}
    groups: list[list[Job]] = []
    for job in jobs:
        if not (kind := job.alike()):
            groups.append([job])
            continue
        group = waiting.get(kind)
        if group is None:
            group = waiting[kind] = []
            groups.append(group)
        group.append(job)
        if len(group) >= room(job):
            del waiting[kind]
    models = {name: i for i, name in enumerate(dict.fromkeys(map(_model, jobs)))}
    return sorted(groups, key=lambda group: models[_model(group[0])])


def room(job: Job) -> int:
    """How many jobs like `job` are made together."""
    return LINES if job.task == "speak" else max(1, int(SECONDS / job.told["duration"]))


def make(jobs: Sequence[Job], device: str = "auto") -> list[Outcome]:
    """What becomes of each of a group's jobs."""
    try:
        return _made(jobs, device)
    except Exception as error:  # one line of a batch must not end the others
        if len(jobs) == 1:
            return [_failed(error)]
    return [outcome for job in jobs for outcome in make([job], device)]


def _made(jobs: Sequence[Job], device: str) -> list[Outcome]:
    started = time.perf_counter()
    audios = _audios(jobs, device)
    data = [encode_audio(a, job.format, tags=job.tags) for a, job in zip(audios, jobs, strict=True)]
    took = (time.perf_counter() - started) / len(jobs)
    return [
        Made(d, a.duration, a.sample_rate, took, a.tags.get("model", ""))
        for d, a in zip(data, audios, strict=True)
    ]


def _audios(jobs: Sequence[Job], device: str) -> list[Audio]:
    import maskaudio
    from maskaudio import edit

    first = jobs[0]
    if first.task == "generate":
        told = {k: v for k, v in first.told.items() if k != "prompt"}
        prompts = [job.told["prompt"] for job in jobs]
        return maskaudio.generate(prompts, seed=[job.seed for job in jobs], device=device, **told)
    if first.task == "speak":
        if len(jobs) == 1:
            return [maskaudio.speak(seed=first.seed, device=device, **first.told)]
        told = {k: v for k, v in first.told.items() if k not in ("text", "voice")}
        texts, voices = ([job.told[name] for job in jobs] for name in ("text", "voice"))
        return maskaudio.speak(texts, voice=voices, seed=[job.seed for job in jobs], device=device, **told)
    clips = [read_audio(job.source) for job in jobs]
    return [
        getattr(edit, job.task)(clip, seed=job.seed, device=device, **job.told)
        for clip, job in zip(clips, jobs, strict=True)
    ]


def _failed(error: Exception) -> Failed:
    if isinstance(error, MaskaudioError):
        return Failed(" ".join(str(error).split()), isinstance(error, UsageError))
    return Failed(f"internal error ({type(error).__name__}: {first_line(error)})", False)


def _model(job: Job) -> str:
    return f"{job.task == 'speak' or job.task == 'reword'}:{job.told.get('model')}"


def _digest(path: Path) -> str:
    """A hash of a file's contents; "" where there is none, as for a voice that goes by name."""
    if not path.is_file():
        return ""
    about = path.stat()
    return _digest_of(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=1024)
def _digest_of(path: Path, *_: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
