"""Where a line's file goes: templates, and never outside the folder."""

import string
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from maskaudio.batch.folder import JOURNAL, LOCK, RESULTS
from maskaudio.errors import UsageError

LONGEST_NAME = 255  # bytes, as file systems have it


def check_template(template: str) -> list[str]:
    """The fields that a template names. Raises UsageError for anything but {name} and {name:04}."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"--output {template}: {error}") from None
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if not name.replace("-", "_").isidentifier() or conversion or "{" in (spec or ""):
            raise UsageError(
                f"--output {template}: write {{index}}, {{slug}} or a column's name in the braces"
            )
        names.append(name)
    return names


def fill_template(template: str, values: Mapping[str, str | int]) -> str:
    """The name that a template makes of `values`; a value's slashes become '_', so that it is no path."""
    name = ""
    for text, field, spec, _ in string.Formatter().parse(template):
        name += text
        if field is None:
            continue
        if field not in values:
            raise UsageError(f"the name {template} wants a column '{field}', which this line leaves empty")
        value = values[field]
        value = value if isinstance(value, int) else value.replace("/", "_").replace("\\", "_").lstrip(".")
        try:
            name += format(value, spec or "")
        except ValueError as error:
            raise UsageError(f"the name {template}: {field}: {error}") from None
    return name


def inside(folder: Path, name: str) -> str:
    """`name` as a path within `folder`, with '/' between its parts. Raises UsageError where it is none."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or not path.name:
        raise UsageError(f"output {name}: give a name inside the folder")
    if any(ord(c) < 32 for c in name) or any(
        len(p.encode(errors="replace")) > LONGEST_NAME - 40 for p in path.parts
    ):
        raise UsageError(f"output {name[:60]!r}: no name that every file system takes")
    if str(path).lower() in (JOURNAL, RESULTS, LOCK):
        raise UsageError(f"output {name}: the batch keeps a file of that name itself")
    home = folder.resolve()
    if not (home / path).resolve().is_relative_to(home):
        raise UsageError(f"output {name}: a link there leads out of the folder")
    return str(path)
