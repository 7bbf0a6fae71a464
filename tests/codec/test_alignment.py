"""The likeliest path by hand, and against every other path."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.codec.alignment import best_path, spot
from maskaudio.text.phones import PHONES
from maskaudio.text.units import units


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


class Hears:
    """A tokeniser that hears, 50 times a second, the class that stands in the tokens."""

    frame_rate = 25.0

    def __init__(self, classes):
        self.classes = classes

    def parameters(self):
        return iter([torch.zeros(1)])

    def hear(self, tokens):
        logits = torch.full((1, len(self.classes), 1 + len(PHONES)), -6.0)
        logits[0, torch.arange(len(self.classes)), torch.tensor(self.classes)] = 6.0
        return logits.log_softmax(-1)


def test_words_are_found_where_they_are_said_and_missed_where_they_are_not():
    said = units("hI tu")
    h, i, t, u = (int(p) + 1 for p in said.phones)
    clip = [0] * 10 + [t] * 3 + [0] * 4 + [h] * 4 + [i] * 6 + [0] * 2 + [t] * 3 + [u] * 5 + [0] * 8
    start, end, cost = spot(Hears(clip), torch.zeros(len(clip) // 2, dtype=torch.long), said)
    assert (start, end) == (pytest.approx(17 / 50), pytest.approx(37 / 50)) and cost < 0.1
    other = [u if c == i else i if c == h else c for c in clip]
    assert spot(Hears(other), torch.zeros(len(clip) // 2, dtype=torch.long), said)[2] > 4
    assert spot(Hears(clip[:3]), torch.zeros(1, dtype=torch.long), said) is None
