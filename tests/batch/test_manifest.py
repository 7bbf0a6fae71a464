"""Every way to write a manifest gives the same rows."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.batch.manifest import kind_of, read_manifest
from maskaudio.errors import UsageError

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=20)


@given(st.lists(CELL, min_size=1, max_size=8))
def test_text_csv_tsv_and_json_lines_agree(texts):
    expected = [{"text": text} for text in texts]
    plain = "\n".join(texts)
    as_json = "\n".join(json.dumps({"text": text}) for text in texts)
    assert [row.cells["prompt"] for row in read_manifest(plain.encode(), "text")] == texts
    assert [row.cells for row in read_manifest(as_json.encode(), "jsonl")] == expected
    for kind, delimiter in (("csv", ","), ("tsv", "\t")):
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
            [["Text"], *([t] for t in texts)]
        )
        assert [row.cells for row in read_manifest(out.getvalue().encode(), kind)] == expected


def test_rows_know_their_line_and_columns_are_named_like_flags():
    rows = read_manifest(b"Prompt,Top_P\n\nrain,0.5\n,\nsnow,\n", "csv")
    assert [(row.line, row.cells) for row in rows] == [
        (3, {"prompt": "rain", "top-p": "0.5"}),
        (5, {"prompt": "snow"}),
    ]


def test_a_quoted_cell_may_span_lines():
    first, second = read_manifest(b'text,seed\n"one\ntwo",1\nthree,2\n', "csv")
    assert first.cells["text"] == "one\ntwo" and first.line == 2
    assert second.line == 4


def test_json_values_become_cells():
    (row,) = read_manifest(
        b'{"prompt": "rain", "loop": true, "steps": [8, 2], "seed": 3, "negative": null}', "jsonl"
    )
    assert row.cells == {"prompt": "rain", "loop": "true", "steps": "8,2", "seed": "3"}


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b'{"prompt": "a"}\n[1]\n', "jsonl", "not a JSON object"),
        (b'{"prompt": "a"}\n{"prompt\n', "jsonl", "not JSON"),
        (b'{"prompt": "a"}\n{"prompt": {"a": 1}}\n', "jsonl", "give a text"),
        (b"prompt\nrain\nrain,2,3\n", "csv", "3 cells under 1 columns"),
    ],
)
def test_one_bad_line_leaves_the_others_alone(data, kind, says):
    good, bad = read_manifest(data, kind)
    assert good.problem is None and good.cells
    assert says in bad.problem


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"\xff\xfe", "text", "not UTF-8"),
        (b" \n\n", "text", "no lines"),
        (b"prompt,seed\n", "csv", "no lines"),
        (b"prompt,prompt\nrain,x\n", "csv", "two columns"),
        (b'prompt\n"rain\n', "csv", "line"),
    ],
)
def test_a_manifest_that_is_none_is_refused(data, kind, says):
    with pytest.raises(UsageError, match=says):
        read_manifest(data, kind)


def test_the_kind_is_told_by_suffix_or_by_the_first_letter():
    assert kind_of(Path("a.CSV"), b"") == "csv"
    assert kind_of(Path("a.md"), b"{") == "text"
    assert kind_of(None, b'\xef\xbb\xbf {"a": 1}') == "jsonl"
    assert kind_of(None, b"rain") == "text"
