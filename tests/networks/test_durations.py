"""Which frames a unit covers."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.networks.durations import DurationPredictor, progress, spread

lasting = st.lists(st.floats(0.05, 9.0), min_size=1, max_size=12)


def test_shares_by_hand():
    share = spread(torch.tensor([[1.5, 0.25, 1.25]]), 3)[0]
    assert torch.allclose(share, torch.tensor([[1.0, 0, 0], [0.5, 0.25, 0.25], [0, 0, 1.0]]))
    assert torch.allclose(
        progress(torch.tensor([[2.0, 1.0]]), spread(torch.tensor([[2.0, 1.0]]), 3))[0],
        torch.tensor([0.25, 0.75, 0.5]),
    )


@given(lasting)
def test_every_frame_is_shared_out_and_every_unit_is_somewhere(durations):
    durations = torch.tensor([durations])
    frames = max(1, int(durations.sum().ceil()))
    share = spread(durations, frames)
    assert torch.allclose(share.sum(-1), torch.ones(1, frames), atol=1e-4)
    assert (share[:, :frames].amax(1) > 0).all()
    done = progress(durations, share)
    assert ((done >= 0) & (done <= 1 + 1e-4)).all()


def test_frames_after_the_end_belong_to_the_last_unit():
    share = spread(torch.tensor([[2.0, 1.0, 0.0]]), 6)[0]
    assert torch.allclose(share[3:, 1], torch.ones(3))


def test_the_predictor_learns_durations_and_whole_lengths():
    torch.manual_seed(0)
    features, durations = torch.randn(4, 6, 8), torch.rand(4, 6) * 5 + 0.2
    valid = torch.ones(4, 6, dtype=torch.bool)
    module = DurationPredictor(8)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    first = module.loss(features, durations, valid).item()
    for _ in range(300):
        optimizer.zero_grad()
        module.loss(features, durations, valid).backward()
        optimizer.step()
    assert module.loss(features, durations, valid).item() < 0.3 * first
    assert torch.allclose(module(features).sum(1), durations.sum(1), rtol=0.15)
