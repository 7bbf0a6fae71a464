"""What a stage may see, and what it may not."""

from dataclasses import replace

import pytest
import torch

from maskaudio.errors import MaskaudioError
from maskaudio.networks.guidance import guided
from maskaudio.networks.transformer import MaskedTransformer, TransformerConfig

CONFIG = TransformerConfig(streams=3, vocab=20, dim=32, layers=2, heads=2, window=4, condition_dim=16)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return MaskedTransformer(CONFIG).eval()


@pytest.fixture(scope="module")
def condition(model):
    return model.condition(torch.randn(1, 3, 16), torch.ones(1, 3, dtype=torch.bool))


def features(model, condition, codes, stage, **kwargs):
    with torch.no_grad():
        return model(codes, stage, condition, **kwargs)


def reach(model, condition, stage, frames=60, **kwargs):
    """Frames whose features change when frame 30 changes."""
    codes = torch.randint(0, 20, (1, 3, frames), generator=torch.Generator().manual_seed(1))
    other = codes.clone()
    other[:, 0, 30] = (other[:, 0, 30] + 1) % 20
    change = features(model, condition, codes, stage, **kwargs) - features(
        model, condition, other, stage, **kwargs
    )
    return (change.abs().amax((0, 2)) > 0).nonzero()[:, 0].tolist()


def test_the_first_stream_sees_everything_and_later_ones_a_window(model, condition):
    assert reach(model, condition, 0) == list(range(60))
    seen = reach(model, condition, 1)
    assert seen == list(range(30 - 2 * 4, 30 + 2 * 4 + 1))  # two layers of ± 4


def test_a_grid_longer_than_any_trained_on_is_seen_in_part(condition):
    torch.manual_seed(0)
    model = MaskedTransformer(replace(CONFIG, reach=20)).eval()
    assert reach(model, condition, 0, frames=41) == list(range(41))
    assert reach(model, condition, 0, frames=100) == list(range(30 + 2 * 20 + 1))  # two layers of ± 20


def test_causal_features_do_not_see_the_future(model, condition):
    assert reach(model, condition, 0, causal=True) == list(range(30, 60))
    assert min(reach(model, condition, 1, causal=True)) == 30


def test_a_padded_frame_is_not_attended_to(model, condition):
    codes = torch.randint(0, 20, (1, 3, 40))
    valid = torch.arange(40)[None] < 30
    for stage in (0, 1):
        padded = features(model, condition, codes, stage, valid=valid)[:, :30]
        alone = features(model, condition, codes[:, :, :30], stage)
        assert torch.allclose(padded, alone, atol=1e-5)


def test_logits_are_given_for_the_cells_asked_for(model, condition):
    codes = torch.full((1, 3, 12), 20)
    cells = torch.zeros(1, 12, dtype=torch.bool)
    cells[0, [2, 7]] = True
    with torch.no_grad():
        some = model.logits(codes, 1, condition, cells)
        every = model.logits(codes, 1, condition, torch.ones_like(cells))
    assert some.shape == (2, 1, 20)
    assert torch.allclose(some, every[[2, 7]], atol=1e-5)


def test_the_last_of_few_stages_fills_all_streams_that_are_left(condition):
    shape = {"streams": 4, "vocab": 20, "dim": 32, "layers": 1, "heads": 2, "condition_dim": 16}
    model = MaskedTransformer(TransformerConfig(**shape, stages=2)).eval()
    assert [model.streams_of(k) for k in range(2)] == [range(1), range(1, 4)]
    codes, cells = torch.full((1, 4, 12), 20), torch.ones(1, 12, dtype=torch.bool)
    with torch.no_grad():
        logits = model.logits(codes, 1, condition, cells)
        alone = model.heads[2](model(codes, 1, condition)[cells])
    assert logits.shape == (12, 3, 20) and torch.allclose(logits[:, 1], alone, atol=1e-5)
    with pytest.raises(MaskaudioError, match="stages: 5"):
        TransformerConfig(**shape, stages=5)


def test_joined_conditions_are_two_items(model, condition):
    other = model.condition(torch.randn(1, 3, 16), torch.ones(1, 3, dtype=torch.bool))
    codes = torch.full((1, 3, 9), 20)
    both = features(model, model.join(condition, other), codes.expand(2, -1, -1), 0)
    assert torch.allclose(both[1], features(model, other, codes, 0)[0], atol=1e-5)
    assert not torch.allclose(both[0], both[1], atol=1e-3)


def test_the_grid_follows_the_network(condition, monkeypatch):
    class Seen(Exception):
        pass

    def forward(self, codes, *_, **__):
        raise Seen(codes.device)

    model = MaskedTransformer(CONFIG).to("meta")
    monkeypatch.setattr(MaskedTransformer, "forward", forward)
    with pytest.raises(Seen, match="meta"):
        model.logits(torch.zeros(1, 3, 8, dtype=torch.long), 0, condition, torch.ones(1, 8, dtype=torch.bool))


@pytest.mark.parametrize("dim, heads", [(32, 5), (32, 0), (30, 2)])
def test_heads_that_do_not_fit_are_refused(dim, heads):
    with pytest.raises(MaskaudioError, match="do not fit"):
        TransformerConfig(streams=3, vocab=20, dim=dim, heads=heads)


def test_guidance_in_hidden_space():
    """Linear heads: without rescale it is guidance of the logits; with it, spread comes back."""
    torch.manual_seed(0)
    network = MaskedTransformer(replace(CONFIG, prior=True, neighbours=4)).eval()
    asked, nothing = torch.randn(2, 3, 16), torch.randn(2, 3, 16)
    both = network.condition(torch.cat([asked, nothing]), torch.ones(4, 3, dtype=torch.bool))
    codes = torch.randint(0, 21, (2, 3, 12))
    cells = torch.rand(2, 12) < 0.5
    twice = torch.cat([codes, codes]), 1, both, torch.cat([cells, cells])
    with torch.inference_mode():
        conditional, free = network.logits(*twice).chunk(2)
        hidden = network.logits(*twice, guide=(3.0, 0.0))
    assert torch.allclose(hidden, free + 3.0 * (conditional - free), atol=1e-4)

    features, free = torch.randn(2, 12, 32), torch.randn(2, 12, 32)
    away = guided(features, free, 3.0)
    assert torch.allclose(away, 3.0 * features - 2.0 * free, atol=1e-5)
    narrow = guided(features, free, 3.0, 1.0, (1, 2))
    assert torch.allclose(narrow.std((1, 2)), features.std((1, 2)), atol=1e-5)
    half = guided(features, free, 3.0, 0.5, (1, 2))
    assert torch.allclose(half, (away + narrow) / 2, atol=1e-5)
    assert torch.allclose(guided(features[1:], free[1:], 3.0, 0.5, (1, 2)), half[1:], atol=1e-5)
