import math

from maskaudio.evaluation.scores import Share


def test_interval_holds_the_mean_and_shrinks_with_more_values():
    few, many = Share.of([1, 0, 1, 1] * 5), Share.of([1, 0, 1, 1] * 100)
    assert few.low < few.value == 0.75 < few.high
    assert many.high - many.low < few.high - few.low
    assert Share.of([1, 0, 1]) == Share.of([1, 0, 1])
    assert str(Share.of([1, 1])) == "100 % (100–100)"


def test_nothing_to_average():
    assert math.isnan(Share.of([]).value)
    assert str(Share.of([])) == "–"
