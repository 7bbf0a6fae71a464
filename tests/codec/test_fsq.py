"""Grouped finite scalar quantisation against its formulas."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.codec.fsq import GroupedFSQ

shapes = st.tuples(
    st.lists(st.integers(2, 9), min_size=1, max_size=4).map(tuple), st.integers(1, 6), st.integers(0, 2**31)
)


def latent_of(quantiser: GroupedFSQ, values: torch.Tensor) -> torch.Tensor:
    """A latent that `quantiser` rounds to `values`: its bound (FSQ eq. 3) solved for the input."""
    levels = quantiser.levels
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = torch.where(levels % 2 == 0, 0.5, 0.0)
    numbers = values.unflatten(-1, (-1, quantiser.width)) * torch.div(levels, 2, rounding_mode="floor")
    return (((numbers + offset) / half).atanh() - (offset / half).atanh()).flatten(2)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_every_code_survives_lookup_and_coding(shape):
    levels, streams, seed = shape
    quantiser = GroupedFSQ(levels, streams).eval()
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, quantiser.entries, (2, streams, 11), generator=generator)
    values = quantiser.lookup(codes)
    assert values.shape == (2, 11, streams * len(levels)) and values.abs().max() <= 1
    latent = latent_of(quantiser, values)
    assert torch.equal(quantiser.codes(latent), codes)
    assert torch.allclose(quantiser(latent), values, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(shapes, st.floats(0.01, 30))
def test_any_latent_gives_a_code_whose_lookup_is_the_quantised_value(shape, spread):
    levels, streams, seed = shape
    quantiser = GroupedFSQ(levels, streams).eval()
    latent = torch.randn(2, 9, streams * len(levels), generator=torch.Generator().manual_seed(seed)) * spread
    codes = quantiser.codes(latent)
    assert codes.min() >= 0 and codes.max() < quantiser.entries
    assert torch.allclose(quantiser.lookup(codes), quantiser(latent), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(shapes, st.data())
def test_a_prefix_of_the_streams_is_the_whole_with_zeros(shape, data):
    levels, streams, seed = shape
    kept = data.draw(st.integers(1, streams))
    quantiser = GroupedFSQ(levels, streams).eval()
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, quantiser.entries, (1, streams, 5), generator=generator)
    whole, prefix = quantiser.lookup(codes), quantiser.lookup(codes[:, :kept])
    edge = kept * len(levels)
    assert torch.equal(prefix[..., :edge], whole[..., :edge]) and not prefix[..., edge:].any()


def test_every_entry_is_a_different_value():
    quantiser = GroupedFSQ((8, 5, 5, 5), 1)
    assert quantiser.entries == 1000
    values = quantiser.lookup(torch.arange(1000)[None, None])[0]
    assert len(values.unique(dim=0)) == 1000
    assert [len(column.unique()) for column in values.T] == [8, 5, 5, 5]


def test_the_gradient_goes_straight_through_the_rounding():
    quantiser = GroupedFSQ((5,), 1).eval()
    latent = torch.tensor([[[0.3], [-1.0]]], requires_grad=True)
    quantiser(latent).sum().backward()
    half = 4 * (1 + 1e-3) / 2  # d/dx of tanh(x)·half / 2
    assert torch.allclose(latent.grad, (1 - latent.detach().tanh() ** 2) * half / 2, atol=1e-6)


def test_nested_dropout_drops_the_later_streams_of_about_half_of_the_items():
    torch.manual_seed(0)
    quantiser = GroupedFSQ((4, 4), 6).train()
    out = quantiser(torch.full((4000, 1, 12), 5.0)).unflatten(-1, (6, 2))
    kept = out.abs().sum((1, 3)) > 0  # [items, streams]
    assert kept[:, 0].all()
    assert (kept[:, :-1] | ~kept[:, 1:]).all()  # no stream without the ones before it
    assert kept.all(1).float().mean().item() == pytest.approx(0.5 + 0.5 / 6, abs=0.03)
