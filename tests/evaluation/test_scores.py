import math

import numpy as np
import pytest

from maskaudio.evaluation.scores import Figure, Share, difference, of_set, ratio


def test_interval_holds_the_mean_and_shrinks_with_more_values():
    few, many = Share.of([1, 0, 1, 1] * 5), Share.of([1, 0, 1, 1] * 100)
    assert few.low < few.value == 0.75 < few.high
    assert many.high - many.low < few.high - few.low
    assert Share.of([1, 0, 1]) == Share.of([1, 0, 1])
    assert str(Share.of([1, 1])) == "100 % (100–100)"


def test_nothing_to_average():
    assert math.isnan(Share.of([]).value)
    assert str(Share.of([])) == "–"


def test_a_ratio_weighs_its_clips_and_has_the_interval_that_scipy_finds():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    words = rng.integers(3, 20, 60).astype(float)
    wrong = rng.binomial(words.astype(int), 0.1).astype(float)
    figure = ratio(list(zip(wrong, words, strict=True)))
    assert figure.value == wrong.sum() / words.sum() and figure.count == 60
    expected = stats.bootstrap(
        (wrong, words),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20000,
    ).confidence_interval
    assert (figure.low, figure.high) == pytest.approx(expected, abs=0.004)
    assert ratio([]) is None and ratio([(1, 4)]) == Figure(0.25, None, None, 1)


def test_a_difference_of_twins_is_surer_than_their_figures():
    rng = np.random.default_rng(2)
    hard = rng.random(50)
    ours = [(x + 0.05, 1.0) for x in hard]
    theirs = [(x + 0.02 * rng.standard_normal(), 1.0) for x in hard]
    found = difference(ours, theirs)
    assert found.sure and found.low < 0.05 < found.high
    assert found.high - found.low < 0.1 * (ratio(ours).high - ratio(ours).low)
    assert not difference(ours, ours).sure and difference(ours, ours).value == 0


def test_the_spread_of_a_set_lies_around_its_value():
    assert of_set(10.0, np.array([20.0, 21.0, 22.0]), 3).value == 10
    assert of_set(10.0, np.array([20.0, 21.0, 22.0]), 3).low == pytest.approx(9.05)
