"""Learned on a finished network, and touching nothing else: which codes fit a text, which were made up."""

from types import SimpleNamespace

import pytest
import torch

from maskaudio.checkpoints.registry import find_model
from maskaudio.networks.ranker import RankerConfig
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.networks.transformer import TransformerConfig
from maskaudio.text.table import TextTable
from maskaudio.training.batches import SoundTask
from maskaudio.training.critic import CriticLoss, CriticTask
from maskaudio.training.ranker import RankerLoss, RankerTask
from maskaudio.training.recipe import RankerPhase
from maskaudio.training.sound import SoundLoss
from maskaudio.training.trainer import Schedule, train
from tests.training.test_prior import STREAMS, VOCAB, store

PHASE = RankerPhase(steps=60, lr=3e-3, warmup=5, batch=16, seconds=2.0, ema=0.9)


@pytest.fixture(scope="module")
def task():
    codec = SimpleNamespace(vocab=VOCAB, frame_rate=25.0)
    table = TextTable.load(find_model("words", "words"))
    return RankerTask(SoundTask(store(), store(), table, codec, STREAMS, span=2, frames=200), PHASE)


@pytest.fixture
def network():
    torch.manual_seed(0)
    shape = TransformerConfig(STREAMS, VOCAB, dim=16, layers=1, heads=2, condition_dim=16, dropout=0.0)
    return SoundNetwork(
        SoundConfig(shape, TextConfig(dim=16, layers=1, heads=2, dropout=0.0), RankerConfig(16, 1))
    )


def test_the_ranker_learns_what_fits_and_leaves_the_rest_alone(network, task, tmp_path):
    before = {n: p.clone() for n, p in network.named_parameters() if not n.startswith("ranker.")}
    loss = RankerLoss(network)
    loss.load_state_dict(train(loss, task, PHASE, tmp_path, device="cpu"), strict=False)
    assert all(torch.equal(p, before[n]) for n, p in network.named_parameters() if n in before)

    codes = torch.randint(0, 5, (2, STREAMS, 40)) + torch.tensor([0, 5])[:, None, None]
    ids, valid = task.sounds.table.tokenize(["a dog", "a bell"])
    asked = task.sounds.table.embed(ids), valid
    right, wrong = network.fits(codes, *asked), network.fits(codes.flip(0), *asked)
    assert (right > wrong + 0.3).all() and (right.abs() <= 1.0001).all()


def test_clips_that_say_the_same_are_no_mistakes(network, task):
    batch = task.batch(0, 0)
    labels = batch["same"].float()
    assert torch.equal(labels, labels.T) and (labels.diagonal() == 1).all()
    assert labels.sum(1).median() > 1  # sixteen clips of two labels, some of both
    assert 0.0 <= RankerLoss(network)(**batch)["right"] <= 1.0


def test_the_critic_learns_to_doubt_and_leaves_the_rest_alone(task, tmp_path):
    torch.manual_seed(0)
    shape = TransformerConfig(
        STREAMS, VOCAB, dim=32, layers=1, heads=2, condition_dim=16, dropout=0.0, critic=True
    )
    network = SoundNetwork(SoundConfig(shape, TextConfig(dim=16, layers=1, heads=2, dropout=0.0)))
    before = {n: p.clone() for n, p in network.named_parameters() if ".critic." not in n}
    loss, doubts = CriticLoss(network), CriticTask(task.sounds)
    first = doubts.validate(loss.eval())
    schedule = Schedule(steps=80, lr=5e-3, warmup=5, ema=0.9)
    loss.load_state_dict(train(loss, doubts, schedule, tmp_path, device="cpu"), strict=False)
    last = doubts.validate(loss.eval())
    assert all(torch.equal(p, before[n]) for n, p in network.named_parameters() if n in before)
    assert last["loss"] < 0.95 * first["loss"]


def test_the_transformer_is_trained_without_it(network):
    SoundLoss(network)
    assert not any(p.requires_grad for p in network.ranker.parameters())
    assert network.transformer.heads[0].weight.requires_grad
