"""What a text alone says of the codes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from maskaudio.checkpoints.registry import find_model
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.networks.transformer import TransformerConfig
from maskaudio.text.table import TextTable
from maskaudio.training.batches import SoundTask
from maskaudio.training.clips import Clip
from maskaudio.training.prior import PriorLoss, PriorTask
from maskaudio.training.recipe import Phase
from maskaudio.training.sound import learn_prior
from maskaudio.training.tokens import TokenStore

STREAMS, VOCAB = 2, 10
PHASE = Phase(steps=150, lr=3e-3, warmup=10, batch=16, seconds=2.0, ema=0.9)


def store():
    """Dogs have the codes 0 to 4, bells the codes 5 to 9."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 5, (STREAMS, 400))
    grid = np.concatenate([low, low + 5], 1).astype(np.uint16)
    clips = [Clip(x, None, captions=(f"a {x}",), fields={"label": x}) for x in ("dog", "bell")]
    return TokenStore(clips, grid, np.array([0, 400, 800]), np.zeros(STREAMS, np.uint16))


@pytest.fixture
def network():
    torch.manual_seed(0)
    shape = {"dim": 16, "layers": 1, "heads": 2, "condition_dim": 16, "dropout": 0.0, "prior": True}
    return SoundNetwork(
        SoundConfig(
            TransformerConfig(STREAMS, VOCAB, **shape), TextConfig(dim=16, layers=1, heads=2, dropout=0.0)
        )
    )


@pytest.fixture(scope="module")
def sounds():
    table = TextTable.load(find_model("words", "words"))
    codec = SimpleNamespace(vocab=VOCAB, frame_rate=25.0)
    return SoundTask(store(), store(), table, codec, STREAMS, span=2, frames=200)


def test_an_even_prior_costs_the_logarithm_of_the_vocabulary(network, sounds):
    torch.nn.init.zeros_(network.transformer.prior.weight)
    torch.nn.init.zeros_(network.transformer.prior.bias)
    loss = PriorLoss(network)(**PriorTask(sounds, PHASE).batch(0, 0))
    assert loss.keys() == {"loss", "stage0", "stage1"}
    assert all(x.item() == pytest.approx(np.log(VOCAB), abs=1e-5) for x in loss.values())


def test_the_prior_learns_which_codes_belong_to_a_text_and_then_stays(network, sounds, tmp_path):
    learn_prior(network, PriorTask(sounds, PHASE), tmp_path, device="cpu")
    with torch.no_grad():
        ids, valid = sounds.table.tokenize(["a dog", "a bell"])
        asked = sounds.table.embed(ids), valid
        prior = network.condition(*asked).prior.softmax(-1)
        nothing = network.condition(*asked, torch.tensor([True, True])).prior.softmax(-1)
    assert (prior[0, :, :5].sum(-1) > 0.8).all() and (prior[1, :, 5:].sum(-1) > 0.8).all()
    assert torch.equal(nothing[0], nothing[1])  # without a text: both kinds
    assert ((nothing[0, :, :5].sum(-1) - 0.5).abs() < 0.25).all()
    assert not any(p.requires_grad for p in network.text.parameters())
    assert network.transformer.heads[0].weight.requires_grad


def test_the_prior_is_added_to_what_the_transformer_says(network, sounds):
    codes = torch.full((2, STREAMS, 6), VOCAB)
    cells = torch.zeros(2, 6, dtype=torch.bool)
    cells[0, 1] = cells[1, [0, 5]] = True
    ids, valid = sounds.table.tokenize(["a dog", "a bell"])
    with torch.inference_mode():
        condition = network.condition(sounds.table.embed(ids), valid)
        features = network.transformer(codes, 1, condition)
        plain = network.transformer.heads[1](features[cells])
        added = network.transformer.logits(codes, 1, condition, cells)[:, 0] - plain
        first, second = condition.split(1)
        joined = network.transformer.join(first, second)
    assert torch.allclose(added, condition.prior[[0, 1, 1], 1], atol=1e-5)
    assert torch.equal(joined.prior, condition.prior)
