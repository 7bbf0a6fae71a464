"""Left to right: the same answers as the whole pass gives, the exact joint distribution, cells that stay."""

import functools
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.decoding.engine import Grid
from maskaudio.decoding.left_to_right import decode_left_to_right
from maskaudio.decoding.plan import Plan, StagePlan, default_plan
from maskaudio.networks.transformer import MaskedTransformer, TransformerConfig

SHAPE = TransformerConfig(
    streams=3, vocab=8, dim=16, layers=3, heads=2, window=3, reach=4, condition_dim=8, neighbours=4
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = MaskedTransformer(SHAPE).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def asked(network, batch=2):
    memory = torch.randn(batch, 3, 8, generator=torch.Generator().manual_seed(1))
    return network.condition(memory, torch.ones(batch, 3, dtype=torch.bool))


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("frames", [5, 9, 14])  # the first stream sees all of 9 frames, and 4 back of 14
def test_frame_by_frame_says_what_the_whole_pass_says(network, stage, frames):
    codes = torch.randint(0, 9, (2, 3, frames), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        cells = torch.ones(2, frames, dtype=torch.bool)
        whole = network.score(codes, stage, asked(network), cells, causal=True).unflatten(0, (2, frames))
        past = network.past(frames)
        steps = [network.next(codes[:, :, t], stage, asked(network), past) for t in range(frames)]
    assert torch.allclose(torch.stack(steps, 1), whole, atol=1e-4)


def test_all_streams_at_once_say_what_the_whole_pass_says(network):
    codes = torch.randint(0, 9, (2, 3, 7), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        cells = torch.ones(2, 7, dtype=torch.bool)
        whole = network.score(codes, 0, asked(network), cells, causal=True, delayed=True)
        past = network.past(7)
        steps = [network.next(codes[:, :, t], 0, asked(network), past, delayed=True) for t in range(7)]
    assert whole.shape == (14, 3, 8)
    assert torch.allclose(torch.stack(steps, 1), whole.unflatten(0, (2, 7)), atol=1e-4)


class Toy:
    """Two frames of two streams with a joint distribution; says what is next given what is seen."""

    vocab = 3

    def __init__(self):
        joint = torch.rand(3, 3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 2
        self.joint = joint / joint.sum()  # of a1, a2 (stream 0), b1, b2 (stream 1)

    def streams_of(self, stage):
        return range(stage, stage + 1)

    def past(self, frames):
        return []

    def next(self, column, stage, condition, past, *, delayed=False):
        past.append(column)
        t, shown = len(past) - 1, torch.stack(past, 2)  # [B, 2, t + 1]
        if delayed:  # stream k of pass t is of frame t − k, and seen one pass later
            seen = [shown[:, 0, 1:3], shown[:, 1, 2:4]]
            cells = [k * 2 + t - k if 0 <= t - k < 2 else None for k in (0, 1)]
        else:
            seen = [
                shown[:, 0, 1:] if stage == 0 else shown[:, 0],
                shown[:, 1, 1:] if stage else shown[:, 1, :0],
            ]
            cells = [2 * stage + t]
        keys = [tuple(tuple(int(x) for x in part[i]) for part in seen) for i in range(len(column))]
        return torch.stack([torch.stack([self._next(key, cell) for cell in cells]) for key in keys])

    @functools.cache  # noqa: B019
    def _next(self, seen, cell):
        """Log-probabilities of `cell` where the first frames of each stream are as `seen`."""
        if cell is None:
            return torch.zeros(3)
        p = self.joint
        for stream, codes in enumerate(seen):
            for frame, code in enumerate(codes):
                p = p.index_select(2 * stream + frame, torch.tensor([code]))
        return (p.sum([axis for axis in range(4) if axis != cell]) / p.sum()).log().float()


@pytest.mark.parametrize("pattern", ["flattened", "delayed"])
def test_the_distribution_is_the_product_of_what_was_asked(pattern):
    """Chi-squared against the product of conditionals, by brute force over all 81 grids."""
    toy, count = Toy(), 20_000
    plan = Plan((StagePlan(1), StagePlan(1)))
    made = decode_left_to_right(
        toy, Grid.blank(count, 2, 2), None, plan, list(range(count)), pattern=pattern
    ).codes
    joint = toy.joint
    expected = torch.zeros(3, 3, 3, 3, dtype=torch.float64)
    for a1, a2, b1, b2 in itertools.product(range(3), repeat=4):
        p = joint[a1].sum() * joint[a1, a2].sum() / joint[a1].sum()
        # delayed draws a2 and b1 in one pass, of what a1 says; flattened b1 behind a1 as well
        p = p * joint[a1, :, b1].sum() / joint[a1].sum()
        p = p * joint[a1, a2, b1, b2] / joint[a1, a2, b1].sum()
        expected[a1, a2, b1, b2] = p
    index = ((made[:, 0, 0] * 3 + made[:, 0, 1]) * 3 + made[:, 1, 0]) * 3 + made[:, 1, 1]
    seen = torch.bincount(index, minlength=81).double()
    want = expected.flatten() * count
    chi = float(((seen - want) ** 2 / want).sum())
    assert chi < 80 + 5 * math.sqrt(160)
    assert made.shape == (count, 2, 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(0, 14), st.sampled_from(["flattened", "delayed"]), st.integers(0, 99))
def test_known_cells_stay_and_only_the_first_frames_are_filled(frames, filled, pattern, seed):
    torch.manual_seed(0)
    network = MaskedTransformer(SHAPE).eval()
    noise = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 8, (2, 3, frames), generator=noise)
    known = torch.rand(2, 3, frames, generator=noise) < 0.4
    with torch.inference_mode():
        condition = asked(network)
    grid = decode_left_to_right(
        network,
        Grid(codes, known),
        condition,
        default_plan(3, 2),
        [1, 2],
        frames=filled,
        pattern=pattern,
        unconditional=condition,
    )
    assert torch.equal(grid.codes[known], codes[known])
    assert grid.known[:, :, :filled].all()
    assert torch.equal(grid.known[:, :, filled:], known[:, :, filled:])
    assert ((grid.codes >= 0) & (grid.codes < 8)).all()
