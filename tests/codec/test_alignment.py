"""The likeliest path by hand, and against every other path."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.codec.alignment import best_path


def test_by_hand():
    heard = np.log(np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]]))
    assert best_path(heard, np.array([False, False, False])).tolist() == [0, 1, 1, 2]


def test_what_may_be_skipped_is_skipped_where_it_is_not_heard():
    heard = np.log(np.array([[0.9, 0.01, 0.09], [0.05, 0.01, 0.94], [0.05, 0.01, 0.94]]))
    assert best_path(heard, np.array([False, True, False])).tolist() == [0, 2, 2]
    assert best_path(heard, np.array([False, False, False])).tolist() == [0, 1, 2]


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(4, 6))
def test_no_path_is_likelier(seed, count, frames):
    rng = np.random.default_rng(seed)
    heard = np.log(rng.dirichlet(np.ones(5), (frames, count))[:, :, 0])
    skippable = rng.random(count) < 0.4

    def allowed(path):
        rises = all(a <= b for a, b in itertools.pairwise(path))
        missing = set(range(count)) - set(path)
        return rises and all(skippable[i] for i in missing)

    every = [p for p in itertools.product(range(count), repeat=frames) if allowed(p)]
    best = max(sum(heard[t, s] for t, s in enumerate(p)) for p in every)
    path = best_path(heard, skippable)
    assert allowed(path.tolist())
    assert np.isclose(sum(heard[t, s] for t, s in enumerate(path)), best)
