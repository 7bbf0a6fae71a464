"""Configs are frozen dataclasses that round-trip to JSON; a wrong field is named."""

import dataclasses
import types
import typing
from typing import Any, TypeVar

from maskaudio.errors import MaskaudioError

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values (tuples become lists)."""
    return dataclasses.asdict(config)


def from_dict(cls: type[T], data: Any, where: str = "config") -> T:
    """Build the frozen dataclass `cls` from JSON values.

    Nested dataclasses and tuples are followed. Raises MaskaudioError naming the field where one is
    unknown, missing, or of the wrong type.
    """
    if not isinstance(data, dict):
        raise MaskaudioError(f"{where}: expected a table of fields, found {type(data).__name__}")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name in data:
        if name not in fields:
            raise MaskaudioError(f"{where}: unknown field '{name}' (known: {', '.join(fields)})")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise MaskaudioError(f"{where}: missing field '{name}'")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (hint,) = [a for a in args if a is not type(None)]
        return _value(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise MaskaudioError(f"{where}: expected a list, found {value!r}")
        return tuple(_value(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise MaskaudioError(f"{where}: expected a table, found {value!r}")
        return {k: _value(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if hint is not Any and type(value) is not hint:
        raise MaskaudioError(f"{where}: expected {hint.__name__}, found {value!r}")
    return value
