"""Drawing tokens: the numbers, and the ends of the interval."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.decoding.samplers import Chance, draw, generator, gumbel, probabilities, uniforms


@pytest.mark.parametrize("vocab", [8, 1000])
def test_draws_follow_the_softmax(vocab):
    """Chi-square of 200,000 draws against the exact probabilities, 5 standard deviations allowed."""
    logits = torch.randn(vocab, generator=torch.Generator().manual_seed(vocab))
    p = probabilities(logits[None], 1.0)
    count = 200_000
    u = uniforms((count,), [torch.Generator().manual_seed(1)])[0]
    drawn = draw(p.expand(count, -1), u).bincount(minlength=vocab).double()
    expected = p[0] * count
    chi2 = ((drawn - expected) ** 2 / expected).sum()
    assert abs(chi2 - vocab) < 5 * (2 * vocab) ** 0.5


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_every_bit_of_a_seed_counts(low, high):
    """torch's own CPU generator takes a seed modulo 2^32."""
    small, large = generator(low), generator(low + (high << 32))
    assert uniforms((4,), [small]).tolist() != uniforms((4,), [large]).tolist()
    again = torch.Generator().manual_seed(low)
    assert torch.equal(uniforms((4,), [generator(low)]), uniforms((4,), [again]))


@given(st.integers(2, 50), st.floats(0.05, 1.0), st.integers(0, 10**6))
def test_top_p_keeps_the_smallest_sufficient_set(vocab, top_p, seed):
    logits = torch.randn(1, vocab, generator=torch.Generator().manual_seed(seed))
    full = probabilities(logits, 1.0)[0]
    kept = probabilities(logits, 1.0, top_p)[0]
    inside = kept > 0
    assert kept.sum() == pytest.approx(1)
    assert full[inside].sum() >= min(top_p, 1.0) - 1e-9
    assert full[inside].sum() - full[inside].min() < top_p + 1e-9
    assert full[inside].min() >= (full[~inside].max() if (~inside).any() else 0)


def test_the_ends_of_the_interval_draw_possible_tokens():
    p = torch.tensor([[0.0, 0.5, 0.5, 0.0]], dtype=torch.float64)
    last = torch.nextafter(torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64))
    assert draw(p, torch.zeros(1, dtype=torch.float64)) == 1
    assert draw(p, last[None]) == 2
    assert torch.isfinite(gumbel(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))).all()


def test_a_low_temperature_is_the_argmax():
    logits = torch.tensor([[0.0, 3.0, 2.9]])
    assert probabilities(logits, 0.0)[0, 1] > 0.999


def test_noise_of_a_clip_does_not_depend_on_its_neighbours():
    both = uniforms((7,), [torch.Generator().manual_seed(s) for s in (1, 2)])
    alone = uniforms((7,), [torch.Generator().manual_seed(2)])
    assert torch.equal(both[1], alone[0])


def test_top_k_keeps_the_likeliest():
    p = probabilities(torch.tensor([[0.0, 3.0, 1.0, 2.0]]), 1.0, top_k=2)[0]
    assert (p > 0).tolist() == [False, True, False, True]
    assert float(p[1] / p[3]) == pytest.approx(math.e)


def test_chance_is_the_same_beside_others():
    p = torch.full((5, 2, 7), 1 / 7, dtype=torch.float64)
    cells = torch.ones(1, 5, dtype=torch.bool)
    alone = Chance([3]).tokens(p, cells)
    both = Chance([3, 4]).tokens(torch.cat([p, p]), cells.expand(2, -1))
    assert torch.equal(alone, both[:5])
