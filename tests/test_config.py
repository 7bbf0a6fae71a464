"""Configs round-trip to JSON; a wrong field is named."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.config import from_dict, to_dict
from maskaudio.errors import MaskaudioError


@dataclass(frozen=True)
class Inner:
    rate: float = 1.0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    size: int
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    limit: int | None = None
    on: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


inners = st.builds(Inner, st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text()).map(tuple))
outers = st.builds(
    Outer,
    st.integers(),
    inners,
    st.lists(inners, max_size=3).map(tuple),
    st.none() | st.integers(),
    st.booleans(),
    st.dictionaries(st.text(), st.none() | st.integers() | st.text(), max_size=3),
)


@given(outers)
def test_round_trip_through_json(config):
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config


def test_defaults_fill_what_is_absent():
    assert from_dict(Outer, {"size": 3}) == Outer(3)


def test_a_whole_number_may_stand_for_a_float():
    rate = from_dict(Inner, {"rate": 2}).rate
    assert rate == 2.0 and type(rate) is float


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "config: missing field 'size'"),
        (
            {"size": 1, "sise": 2},
            "config: unknown field 'sise' (known: size, inner, inners, limit, on, extra)",
        ),
        ({"size": "1"}, "config.size: expected int, found '1'"),
        ({"size": 1.0}, "config.size: expected int, found 1.0"),
        ({"size": True}, "config.size: expected int, found True"),
        ({"size": 1, "on": 1}, "config.on: expected bool, found 1"),
        ({"size": 1, "limit": "x"}, "config.limit: expected int, found 'x'"),
        ({"size": 1, "inner": {"rate": "fast"}}, "config.inner.rate: expected float, found 'fast'"),
        ({"size": 1, "inner": 5}, "config.inner: expected a table of fields, found int"),
        ({"size": 1, "inners": [{}, {"x": 1}]}, "config.inners[1]: unknown field 'x' (known: rate, names)"),
        ({"size": 1, "inners": {"rate": 1}}, "config.inners: expected a list, found {'rate': 1}"),
        ({"size": 1, "inner": {"names": "ab"}}, "config.inner.names: expected a list, found 'ab'"),
        ({"size": 1, "extra": []}, "config.extra: expected a table, found []"),
        (None, "config: expected a table of fields, found NoneType"),
        ([1], "config: expected a table of fields, found list"),
    ],
)
def test_what_is_wrong_is_named(data, complaint):
    with pytest.raises(MaskaudioError) as caught:
        from_dict(Outer, data)
    assert str(caught.value) == complaint
