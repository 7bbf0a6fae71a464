"""Attention in windows equals attention with a T×T mask."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.networks.attention import rotary_table, rotate, windowed_attention


@given(st.integers(2, 90), st.integers(1, 12), st.booleans(), st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_windowed_attention_equals_a_band_mask(frames, window, causal, seed):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 2, 3, frames, 8, generator=generator)
    valid = torch.rand(2, frames, generator=generator) > 0.3
    at = torch.arange(frames)
    band = (at[:, None] - at).abs() <= window
    if causal:
        band &= at[None] <= at[:, None]
    mask = (band & valid[:, None, None]) | torch.eye(frames, dtype=torch.bool)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert torch.allclose(windowed_attention(q, k, v, window, causal, valid), expected, atol=1e-5)


def test_rotation_keeps_lengths_and_depends_on_distance_only():
    table = rotary_table(50, 16)
    q, k = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    turned_q, turned_k = rotate(q.expand(50, 16), table), rotate(k.expand(50, 16), table)
    assert torch.allclose(turned_q.norm(dim=-1), q.norm().expand(50), atol=1e-5)
    products = turned_q @ turned_k.T
    assert torch.allclose(products.diagonal(3), products[0, 3].expand(47), atol=1e-4)
