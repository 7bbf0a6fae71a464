"""Options from a TOML file: a table for every command, with its flags as keys.

[generate]
duration = 8
steps = [8, 2, 1, 1]

[edit.inpaint]
temperature = 0.8
"""

from pathlib import Path
from typing import Any

from maskaudio.cli import options
from maskaudio.errors import UsageError


def read_defaults(path: Path, commands: Any) -> dict[str, Any]:
    """What the file says for each of click's `commands`, as click's default_map wants it.

    Raises UsageError where it cannot be read, or names a command or flag that does not exist.
    """
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    try:
        table = tomllib.loads(options.read_file(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    return {name: _of_command(path, (name,), commands, value) for name, value in table.items()}


def _of_command(path: Path, names: tuple[str, ...], commands: Any, table: Any) -> dict[str, Any]:
    """One command's table: its flags, or, where it is a group, its commands' tables."""
    command = commands.get(names[-1])
    if command is None or not isinstance(table, dict):
        raise UsageError(f"{path}: [{'.'.join(names)}]: there is no such command")
    if hasattr(command, "commands"):
        return {n: _of_command(path, (*names, n), command.commands, value) for n, value in table.items()}
    flags = {opt: p for p in command.params for opt in (*p.opts, *p.secondary_opts) if opt.startswith("--")}
    found = {}
    for key, value in table.items():
        flag = "--" + key.replace("_", "-")
        if flag not in flags:
            raise UsageError(f"{path}: [{'.'.join(names)}]: '{key}' is no option of it")
        if isinstance(value, list):
            value = ",".join(map(str, value))
        found[flags[flag].name] = value
    return found
