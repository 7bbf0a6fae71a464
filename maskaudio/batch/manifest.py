"""Reading a manifest: CSV, TSV, JSON lines, or plain text with one prompt a line."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maskaudio.errors import UsageError

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}  # any other suffix: text
LONGEST_CELL = 1 << 24  # characters


@dataclass(frozen=True)
class Row:
    """One line: its number in the manifest, its cells that are not empty, and what is wrong with it.

    Columns are named like flags: lower case, '-' between words.
    """

    line: int
    cells: dict[str, str]
    problem: str | None = None


def read_manifest(data: bytes, kind: str) -> list[Row]:
    """The rows of a manifest of `kind` ("csv", "tsv", "jsonl", "text"); blank lines are none.

    Raises UsageError where it cannot be read as that, or holds no row. A single bad line is a Row with a
    problem.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the manifest is not UTF-8 text (byte {error.start})") from None
    read = {"csv": _table, "tsv": _table, "jsonl": _json_lines, "text": _plain}[kind]
    rows = list(read(text, "\t" if kind == "tsv" else ","))
    if not rows:
        raise UsageError("the manifest holds no lines")
    return rows


def kind_of(path: Path | None, data: bytes) -> str:
    """What a file's suffix says it is; of stdin, JSON lines where it begins like one, else text."""
    if path is not None:
        return KINDS.get(path.suffix.lower(), "text")
    return "jsonl" if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else "text"


def _plain(text: str, _: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Row(number, {"prompt": line.strip()})


def _table(text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [_name(cell) for cell in next(reader, [])]
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice:
            raise UsageError(f"the manifest has two columns '{twice}'")
        while True:
            first = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if not any(cell.strip() for cell in row):
                continue
            more = len(row) > len(header)
            problem = f"{len(row)} cells under {len(header)} columns" if more else None
            cells = {n: c.strip() for n, c in zip(header, row, strict=False) if n and c.strip()}
            yield Row(first, cells, problem)
    except csv.Error as error:
        raise UsageError(f"the manifest, line {reader.line_num}: {error}") from None


def _json_lines(text: str, _: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, f"not JSON ({str(error)[:80]})")
            continue
        if not isinstance(found, dict):
            yield Row(number, {}, "not a JSON object")
            continue
        cells, problem = {}, None
        for key, value in found.items():
            cell = _cell(value)
            if cell is None:
                problem = f"{key}: give a text, a number, true or false, or a list of numbers"
            elif cell.strip():
                cells[_name(key)] = cell.strip()
        yield Row(number, cells, problem)


def _cell(value: object) -> str | None:
    """A JSON value as a cell; None where it is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(v, int | float) for v in value):
        return ",".join(map(str, value))
    return None


def _name(column: str) -> str:
    return "-".join(column.strip().lower().replace("_", " ").split())
