"""Units: marks belong to their phones, durations to their units."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.text.phones import MARKS, PAUSES, PHONES
from maskaudio.text.units import LONG, STRESSES, UNITS, units

symbols = st.text(st.sampled_from([" ", *MARKS, *PAUSES, *PHONES]), max_size=40)


def test_marks_become_features_of_phones():
    said = units("fˈɑːðə, ðˌa")
    assert [UNITS[i] for i in said.index] == list("fɑðə, ða")
    assert [STRESSES[i] for i in said.stress] == ["", "ˈ", "", "", "", "", "", "ˌ"]
    assert said.long.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert [PHONES[i] for i in said.phones] == list("fɑðəða")


def test_durations_of_marks_go_to_their_phones():
    assert units("tˈɑːk").merged([1, 2, 4, 8, 16]).tolist() == [1, 14, 16]


@given(symbols)
def test_nothing_is_lost(text):
    said = units(text)
    plain = [s for s in text if s not in (*STRESSES[1:], LONG)]
    assert [UNITS[i] for i in said.index] == plain
    assert len(said.stress) == len(said.long) == len(plain)
    if plain:
        assert np.isclose(said.merged([1.0] * len(text)).sum(), len(text))
