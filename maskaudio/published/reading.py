"""Reading what others have published: every setting and every tensor by its name, none unknown, none left."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor

from maskaudio.config import from_dict
from maskaudio.errors import MaskaudioError

T = TypeVar("T")

REFERENCE = re.compile(r"\$\{([\w.]+)\}")


class Settings:
    """A table of settings, where strings such as "${encodec.causal}" stand for others in it."""

    def __init__(self, table: Any, where: str):
        if not isinstance(table, dict):
            raise MaskaudioError(f"{where}: its settings are damaged (no table)")
        self.table, self.where = table, where

    def __getitem__(self, name: str) -> Any:
        """The setting of a name; dots lead into tables. Raises MaskaudioError where it is missing."""
        value = self._written(name)
        for _ in range(8):  # a reference may lead to another
            if not (isinstance(value, str) and (reference := REFERENCE.fullmatch(value))):
                return value
            value = self._written(reference[1])
        raise MaskaudioError(f"{self.where}: the setting '{name}' refers to itself")

    def _written(self, name: str) -> Any:
        value: Any = self.table
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise MaskaudioError(f"{self.where}: the setting '{name}' is missing")
            value = value[part]
        return value

    def of(self, name: str, *kinds: type) -> Any:
        """The same, of one of these kinds."""
        value = self[name]
        if type(value) not in kinds:
            raise MaskaudioError(f"{self.where}: the setting '{name}' is {value!r}, no {kinds[0].__name__}")
        return value

    def check(
        self, table: str, fixed: Mapping[str, Any], usual: Mapping[str, Any], others: Iterable[str]
    ) -> None:
        """Whether `table` has nothing but what is known.

        fixed: settings that it must have, and so; usual: those that it may have, and then so; others: those
        that may be anything. Raises MaskaudioError naming the one that is not.
        """
        found, others = self.of(table, dict), set(others)
        for name in found:
            if name not in fixed and name not in usual and name not in others:
                raise MaskaudioError(f"{self.where}: unknown setting '{table}.{name}'")
        for name, want in {**usual, **fixed}.items():
            if name in found or name in fixed:
                self.require(f"{table}.{name}", want)

    def require(self, name: str, want: Any) -> None:
        """Raise MaskaudioError where the setting of a name is not `want`."""
        if self[name] != want:
            raise MaskaudioError(f"{self.where}: '{name}' is {self[name]!r}; only {want!r} is supported")


class Weights:
    """Published tensors. What has been taken is remembered, so that nothing is left over unnoticed."""

    def __init__(self, tensors: Any, where: str):
        if not isinstance(tensors, Mapping) or not all(isinstance(t, Tensor) for t in tensors.values()):
            raise MaskaudioError(f"{where}: its weights are damaged (no table of tensors)")
        self.tensors, self.where = tensors, where
        self.left = set(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def take(self, name: str) -> Tensor:
        """The tensor of a name. Raises MaskaudioError where there is none."""
        if name not in self.tensors:
            raise MaskaudioError(f"{self.where}: the tensor '{name}' is missing")
        self.left.discard(name)
        return self.tensors[name]

    def drop(self, pattern: str) -> None:
        """Leave out all whose whole name matches."""
        self.left = {name for name in self.left if not re.fullmatch(pattern, name)}

    def finish(self) -> None:
        """Raise MaskaudioError, naming one, where tensors are left."""
        if self.left:
            raise MaskaudioError(f"{self.where}: unknown tensor '{min(self.left)}'")


def shaped(cls: type[T], shape: dict[str, Any], where: str) -> T:
    """The config `cls` of these fields. Raises MaskaudioError naming the field that makes no sense."""
    try:
        return from_dict(cls, shape, where)
    except MaskaudioError as error:
        why = str(error)
        raise MaskaudioError(why if why.startswith(where) else f"{where}: {why}") from None


def fit(weights: dict[str, Tensor], own: Mapping[str, Tensor], where: str) -> None:
    """Raise MaskaudioError where one of `weights` has not the shape of its namesake in `own`."""
    for name, tensor in own.items():
        if weights[name].shape != tensor.shape:
            raise MaskaudioError(
                f"{where}: '{name}' is {list(weights[name].shape)}, the settings say {list(tensor.shape)}"
            )
