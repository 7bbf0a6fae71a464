import pytest

from maskaudio.evaluation.captions import NearestCaption, unseen


@pytest.mark.parametrize(
    "word, is_unseen", [("hound", True), ("dog", False), ("thunderstorm", False), ("rain", False)]
)
def test_a_word_is_seen_in_any_form(word, is_unseen):
    assert unseen(word, {"a", "dog", "thunder", "raining", "hour"}) is is_unseen


def test_the_rarer_word_decides():
    known = [("a dog barking", ("dog",)), ("a cat meowing", ("cat",)), ("a cat in the rain", ("cat", "rain"))]
    lookup = NearestCaption(known)
    assert lookup.labels("A dog barking!") == ("dog",)
    assert lookup.labels("rain on a roof") == ("cat", "rain")
    assert lookup.labels("downpour") == ()
