"""A line of a manifest is a command line: its columns are flags, and it is read by the command itself."""

import copy
import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from maskaudio.batch.manifest import Row
from maskaudio.batch.naming import check_template, fill_template, inside
from maskaudio.cli import options
from maskaudio.cli.edit import bandwidth, extend, inpaint, speech, variation
from maskaudio.cli.generate import generate
from maskaudio.cli.making import Delivering
from maskaudio.cli.speak import read_text, speak
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.batch.jobs import Job

ALLOWED = ("seed", "format", "no_tags")  # of what says where a clip goes: the rest is for the whole batch
REFUSED = ("count", "play", "trace", "subtitles")
FILES = ("in", "file", "voice", "pronunciations", "model")  # paths in a manifest begin at its folder
WORDS = ("text", "prompt")  # columns for what is said, or what it should sound like


@dataclass(frozen=True)
class Task:
    """A command that a line may stand for."""

    name: str  # in the column `task`
    command: Callable[..., None]
    job: str  # the function of the library
    renamed: dict[str, str] = field(default_factory=dict)  # its parameters → the function's arguments

    @property
    def edits(self) -> bool:
        return self.name.startswith("edit ")


TASKS = {
    task.name: task
    for task in (
        Task("generate", generate, "generate"),
        Task("speak", speak, "speak"),
        Task("edit inpaint", inpaint, "inpaint"),
        Task("edit extend", extend, "extend", {"duration": "seconds"}),
        Task("edit variation", variation, "variation"),
        Task("edit bandwidth", bandwidth, "bandwidth"),
        Task("edit speech", speech, "reword", {"replace": "old", "by": "new"}),
    )
}


def with_defaults(command: Callable[..., None]) -> Callable[..., None]:
    """A command that also takes every option a line may have; it gets them as cells in `defaults`."""
    *own, _ = inspect.signature(command).parameters.values()
    known = {p.name for p in own}
    added: dict[str, inspect.Parameter] = {}
    flags: dict[str, str] = {}
    for task in TASKS.values():
        for flag, parameter in _row_options(task):
            if parameter.name in known | set(added):
                continue
            about = copy.copy(_info(parameter))
            about.min = about.max = None
            kind = bool if _is_switch(parameter) else str
            flags[parameter.name] = flag
            added[parameter.name] = parameter.replace(
                annotation=Annotated[kind | None, about], default=None, kind=inspect.Parameter.KEYWORD_ONLY
            )

    def expanded(**given: Any) -> None:
        defaults = {flag: given.pop(name) for name, flag in flags.items()}
        command(**given, defaults={k: _as_cell(v) for k, v in defaults.items() if v is not None})

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in own] + list(added.values())
    expanded.__name__, expanded.__doc__ = command.__name__, command.__doc__
    expanded.__signature__ = inspect.Signature(parameters)
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    return expanded


class Reader:
    """Turns the rows of one manifest into jobs.

    defaults: cells for rows that leave a column empty. home: the manifest's folder, where its paths begin.
    """

    def __init__(self, folder: Path, home: Path, defaults: dict[str, str], task: str | None, template: str):
        self.folder, self.home, self.defaults, self.task = folder, home, defaults, task
        self.template, self.named = template, set(check_template(template))
        if task is not None and task not in TASKS:
            raise UsageError(f"--task {task}: there is {', '.join(TASKS)}")
        app = typer.Typer()
        for name, known in TASKS.items():
            app.command(name)(known.command)
        self.commands = typer.main.get_command(app).commands
        self.flags = {name: dict(_row_options(known)) for name, known in TASKS.items()}
        self.configured: dict[str, Any] = {}  # what --config says, by command
        self.unknown: set[str] = set()  # columns that are neither options nor in the template
        self._taken: dict[str, int] = {}  # file, whatever its case → its line
        self._seen: Counter[str] = Counter()

    def job(self, index: int, row: Row) -> "Job":
        """What a row, the `index`-th, asks for. Raises UsageError where that cannot be."""
        from maskaudio.batch.jobs import Job

        if row.problem:
            raise UsageError(row.problem)
        task, words = self._task_of(row)
        params = self._parse(task, row, words)
        kind = task.command.shared
        shared = kind(**{f.name: params.pop(f.name) for f in fields(kind)})
        shared.check()
        told = shared.settings()
        del told["device"]
        params = {k: v for k, v in params.items() if k not in REFUSED}
        source = params.pop("source", None)
        if task.name == "speak":
            told["text"] = text = read_text(params["text"], params["file"])
        else:
            told |= {task.renamed.get(k, k): v for k, v in params.items()}
            text = f"{source.stem} {task.job}" if source else " ".join(told["prompt"].split())
            if source is None:
                told["prompt"] = text
        seed = shared.seed if shared.seed is not None else self._seed(task, told, source)
        file, format = self._file(index, row, task, text[:200], seed, shared.format)
        return Job(row.line, task.job, told, seed, file, format, not shared.no_tags, source)

    def _task_of(self, row: Row) -> tuple[Task, str | None]:
        """The command of a row and its words: `task` says it, else --task, else a column `text` is spoken."""
        found = [name for name in WORDS if name in row.cells]
        if len(found) > 1:
            raise UsageError("it has a text and a prompt: leave one empty")
        name = row.cells.get("task", self.task) or ("speak" if found == ["text"] else "generate")
        name = " ".join(name.lower().split())
        if name not in TASKS:
            raise UsageError(f"task '{name}': there is {', '.join(TASKS)}")
        return TASKS[name], row.cells[found[0]] if found else None

    def _parse(self, task: Task, row: Row, words: str | None) -> dict[str, Any]:
        """The parameters of the task's command, converted and checked as on a command line."""
        known = self.flags[task.name]
        cells = {k: v for k, v in self.defaults.items() if k in known}
        for column, value in row.cells.items():
            if column in (*WORDS, "task", "output", "in"):
                continue
            if column in known:
                cells[column] = self._found(column, value)
            elif any(column in flags for flags in self.flags.values()):
                raise UsageError(f"'{task.name}' has no option --{column}")
            else:
                self.unknown |= {column} - self.named
        arguments = []
        for flag, value in cells.items():
            if not _is_switch(known[flag]):
                arguments.append(f"--{flag}={value}")
            elif _truth(flag, value):
                arguments.append(f"--{flag}")
            elif known[flag].default is None:
                arguments.append(f"--no-{flag}")
        if task.edits:
            if "in" not in row.cells:
                raise UsageError(f"'{task.name}' needs a column 'in': the recording")
            if words is not None:
                if "prompt" not in known:
                    raise UsageError(f"'{task.name}' takes no prompt")
                arguments.append(f"--prompt={words}")
            words = self._found("in", row.cells["in"])
        elif task.name == "generate" and words is None:
            raise UsageError("the prompt is empty: say what it should sound like")
        if words is not None:
            arguments += ["--", words]
        command = self.commands[task.name]
        prefix = f"MASKAUDIO_{task.name.replace(' ', '_').upper()}"
        configured = self.configured
        for part in task.name.split():
            configured = configured.get(part, {})
        manner = {"auto_envvar_prefix": prefix, "default_map": configured}
        try:
            return command.make_context(task.name, arguments, **manner).params
        except options.ClickError as error:
            raise UsageError(error.format_message().rstrip(".")) from None

    def _found(self, column: str, value: str) -> str:
        """A path as seen from here; a name that is no file of the manifest's folder stays as it is."""
        here = self.home / value
        return str(here) if column in FILES and here.exists() else value

    def _seed(self, task: Task, told: dict[str, Any], source: Path | None) -> int:
        """A seed out of what a line asks for: the same when lines come before it, another for its twin."""
        asked = json.dumps([task.name, told, str(source and source.name)], sort_keys=True)
        self._seen[asked] += 1
        digest = hashlib.sha256(f"{asked}{self._seen[asked]}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % options.SEEDS

    def _file(
        self, index: int, row: Row, task: Task, text: str, seed: int, format: str | None
    ) -> tuple[str, str]:
        """The name of a row's file within the folder, and its format."""
        from maskaudio.cli.output import slug
        from maskaudio.encoding import FORMATS, check_format

        values = row.cells | {"index": index, "slug": slug(text), "task": task.name, "seed": seed}
        name = row.cells.get("output") or fill_template(self.template, values)
        suffix = Path(name).suffix.lower().removeprefix(".")
        if format is None:
            format = suffix if suffix in FORMATS else "wav"
        check_format(format, 48000)
        name = inside(self.folder, name if suffix in FORMATS else f"{name}.{format}")
        first = self._taken.setdefault(name.casefold(), row.line)
        if first != row.line:
            raise UsageError(f"output {name}: line {first} makes that file")
        return name, format


def _row_options(task: Task) -> Iterator[tuple[str, inspect.Parameter]]:
    """The options of a task that a line may have: flag, parameter."""
    shared = {f.name for f in fields(Delivering)} - set(ALLOWED)
    for parameter in inspect.signature(task.command).parameters.values():
        about = _info(parameter)
        if about and parameter.name not in shared | set(REFUSED):
            # under Annotated typer keeps the first name as a default
            long = next(d for d in (about.default, *about.param_decls) if d.startswith("--"))
            yield long.split("/")[0].removeprefix("--"), parameter


def _info(parameter: inspect.Parameter) -> Any:
    """What typer knows of a parameter."""
    found = [a for a in get_args(parameter.annotation)[1:] if isinstance(a, typer.models.OptionInfo)]
    return found[0] if get_origin(parameter.annotation) is Annotated and found else None


def _is_switch(parameter: inspect.Parameter) -> bool:
    kind = get_args(parameter.annotation)[0]
    return kind is bool or bool in get_args(kind)


def _truth(flag: str, value: str) -> bool:
    if value.lower() in ("true", "yes", "1", "on"):
        return True
    if value.lower() in ("false", "no", "0", "off"):
        return False
    raise UsageError(f"{flag} '{value}': give true or false")


def _as_cell(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value
