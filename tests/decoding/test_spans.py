"""The schedule and the span arithmetic, by property."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.decoding.spans import (
    SCHEDULES,
    hide,
    least_probable_spans,
    masked_share,
    span_confidence,
    span_count,
    span_length,
    training_mask,
)

frames_st = st.integers(1, 300)
length_st = st.integers(1, 8)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_fall_from_all_to_nothing(schedule):
    shares = [masked_share(schedule, i / 50) for i in range(51)]
    assert shares[0] == pytest.approx(1) and shares[-1] == 0
    assert all(a >= b for a, b in itertools.pairwise(shares))


def test_cosine_is_the_formula():
    assert masked_share("cosine", 1 / 3) == pytest.approx(math.cos(math.pi / 6))


def test_a_span_is_about_sixty_milliseconds():
    assert span_length(50) == 3 and span_length(25) == 2 and span_length(2) == 1


@given(frames_st, length_st, st.data())
def test_hide_masks_exactly_the_least_confident_spans(frames, length, data):
    spans = span_count(frames, length)
    count = data.draw(st.integers(0, spans))
    confidence = torch.rand(2, spans, generator=torch.Generator().manual_seed(frames))
    mask = hide(confidence, torch.tensor([count, spans]), length, frames)
    assert mask.shape == (2, frames) and mask[1].all()
    masked = {i // length for i in range(frames) if mask[0, i]}
    assert masked == set(confidence[0].argsort()[:count].tolist())
    for span in masked:  # spans are masked whole
        assert mask[0, span * length : (span + 1) * length].all()


@given(frames_st, length_st, st.integers(0, 2**31))
def test_known_cells_are_never_hidden_and_spans_take_their_best_cell(frames, length, seed):
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randn(1, frames, generator=generator)
    unknown = torch.rand(1, frames, generator=generator) < 0.6
    confidence = span_confidence(cells, unknown, length)
    assert confidence.shape == (1, span_count(frames, length))
    for span in range(confidence.shape[1]):
        part = slice(span * length, (span + 1) * length)
        inside = cells[0, part][unknown[0, part]]
        assert confidence[0, span] == (inside.max() if len(inside) else math.inf)
    everything = hide(confidence, torch.tensor([frames]), length, frames) & unknown
    assert torch.equal(everything, unknown)


@given(frames_st, length_st, st.floats(0, 1))
def test_training_masks_have_the_rate_asked_for(frames, length, share):
    mask = training_mask(torch.tensor([share]), frames, length, torch.Generator().manual_seed(0))
    spans = span_count(frames, length)
    count = min(spans, max(1, math.ceil(share * spans - 1e-6)))
    assert abs(math.ceil(mask.sum() / length) - count) <= 1
    assert mask.any()


@given(st.integers(1, 60), st.integers(1, 4), st.data())
def test_least_probable_spans_hide_about_as_much_as_asked(frames, length, data):
    length = min(length, frames)
    target = data.draw(st.integers(1, frames))
    doubt = torch.rand(frames, generator=torch.Generator().manual_seed(frames))
    mask = least_probable_spans(doubt, target, length)
    runs = [len(run) for run in "".join("x" if m else " " for m in mask.tolist()).split()]
    assert runs and min(runs) >= length, "hidden frames come in spans"
    assert abs(int(mask.sum()) - max(target, length)) <= 2 * length


def test_least_probable_spans_are_those_of_the_greatest_doubt():
    doubt = torch.zeros(12)
    doubt[4:7] = torch.tensor([1.0, 2.0, 1.0])
    assert least_probable_spans(doubt, 3, 3).nonzero()[:, 0].tolist() == [4, 5, 6]
