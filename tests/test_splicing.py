"""What is put into a recording changes nothing around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.splicing import FADE, splice

RATE = 8000


@given(
    before=st.integers(0, 500), old=st.integers(0, 500), after=st.integers(0, 500), new=st.integers(0, 500),
    loud=st.sampled_from([0.1, 1.0, 5.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_only_the_place_changes(before, old, after, new, loud, seed):
    rng = np.random.default_rng(seed)
    samples = rng.uniform(-1, 1, (2, before + old + after)).astype(np.float32)
    made = (loud * rng.uniform(-1, 1, (2, new))).astype(np.float32)
    out = splice(samples, slice(before, before + old), made, RATE)
    assert out.shape == (2, before + new + after) and out.dtype == np.float32
    assert (out[:, :before] == samples[:, :before]).all()
    assert (out[:, before + new :] == samples[:, before + old :]).all()
    assert np.abs(out).max(initial=0.0) <= 1.0


def test_the_edges_are_cross_faded():
    fade = round(FADE * RATE)
    out = splice(np.full((1, 3000), 0.5, np.float32), slice(1000, 2000), np.full((1, 1200), -0.5), RATE)[0]
    assert np.abs(np.diff(out)).max() <= 1.01 / fade
    assert (out[1000 + fade : 2200 - fade] == -0.5).all()


def test_too_loud_a_piece_is_turned_down_alone():
    samples = np.full((1, 3000), 0.5, np.float32)
    out = splice(samples, slice(1000, 2000), np.full((1, 1000), 3.0), RATE)
    assert out.max() == pytest.approx(1.0) and (out[:, :1000] == 0.5).all()
