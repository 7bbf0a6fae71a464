"""What a training batch of the sound model shows and hides."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from maskaudio.checkpoints.registry import find_model
from maskaudio.text.neighbours import near_words
from maskaudio.text.table import TextTable
from maskaudio.training.batches import LENGTHS, UNASKED, SoundTask
from maskaudio.training.clips import Clip
from maskaudio.training.tokens import TokenStore

STREAMS, VOCAB = 3, 16


def store():
    rng = np.random.default_rng(0)
    lengths = [60, 130, 400]
    clips = [
        Clip(f"{i}", None, captions=(f"sound number {i}",), fields={"label": "x" if i else "y", "tags": tags})
        for i, tags in enumerate((["count:2"], ["loud"], ["music"]))
    ]
    grid = rng.integers(1, VOCAB, (STREAMS, sum(lengths))).astype(np.uint16)
    return TokenStore(clips, grid, np.cumsum([0, *lengths]), np.zeros(STREAMS, np.uint16))


@pytest.fixture(scope="module")
def table():
    return TextTable.load(find_model("words", "words"))


@pytest.fixture(scope="module")
def task(table):
    return SoundTask(store(), store(), table, SimpleNamespace(vocab=VOCAB), STREAMS, span=2, frames=800)


def test_a_batch_is_a_function_of_its_step(task):
    one, two, other = task.batch(7, 0), task.batch(7, 0), task.batch(8, 0)
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert one["codes"].shape != other["codes"].shape or not torch.equal(one["codes"], other["codes"])


def test_what_is_scored_is_hidden_and_later_streams_do_not_show_it(task):
    stages, causal_steps, delayed_steps = set(), 0, 0
    for step in range(120):
        batch = task.batch(step, 0)
        codes, stage, scored = batch["codes"], int(batch["stage"]), batch["scored"]
        stages.add(stage)
        frames = codes.shape[2] - (STREAMS - 1) * int(batch["delayed"])
        assert codes.shape[0] == 800 // frames and frames in LENGTHS
        assert scored.any(1).all() and batch["target"].max() < VOCAB
        if batch["delayed"]:
            delayed_steps += 1
            for k in range(STREAMS):  # asked for k frames late, seen one later still
                target = batch["target"][:, k]
                assert (codes[:, k, : k + 1] == VOCAB).all() and (target[:, :k] == UNASKED).all()
                assert torch.equal(codes[:, k, k + 1 :] % VOCAB, target[:, k:-1].clamp(min=0))
                assert (target[:, k : target.shape[1] - STREAMS + 1 + k] >= 0).all()
                assert (target[:, target.shape[1] - STREAMS + 1 + k :] == UNASKED).all()
            continue
        if batch["causal"]:
            causal_steps += 1
            assert (codes[:, stage, 0] == VOCAB).all() and (codes[:, stage + 1 :] == VOCAB).all()
            assert torch.equal(codes[:, stage, 1:], batch["target"][:, 0, :-1])
            continue
        assert (codes[:, stage][scored] == VOCAB).all()
        assert (codes[:, :stage] < VOCAB).all()
        for later in range(stage + 1, STREAMS):
            assert (codes[:, later][scored] == VOCAB).all()
    assert stages == {0, 1, 2} and 3 < causal_steps < 40 and delayed_steps


def test_a_fifth_of_the_items_show_what_surrounds_a_gap(task):
    items = gaps = 0
    for step in range(150):
        batch = task.batch(step, 0)
        if batch["causal"] or batch["stage"] == STREAMS - 1:
            continue
        for hidden, scored in zip(batch["codes"][:, -1] == VOCAB, batch["scored"], strict=True):
            items += 1
            if hidden.all():
                continue
            gaps += 1
            at = hidden.nonzero()[:, 0]
            assert at[-1] - at[0] + 1 == len(at), "the gap is in one piece"
            assert scored.any() and hidden[scored].all(), "nothing outside it is asked for"
    assert 0.12 < gaps / items < 0.3


def test_short_clips_end_in_silence_or_start_again(task):
    rng = np.random.default_rng(0)
    own = task.train.codes(0)
    for _ in range(20):  # this one is counted: heard twice must stay twice
        fitted = task._fit(task.train, 0, 100, rng)
        assert np.array_equal(fitted[:, :60], own) and (fitted[:, 60:] == 0).all()
    shapes = {task._fit(task.train, i, n, rng).shape for i in range(3) for n in (75, 250)}
    assert shapes == {(STREAMS, 75), (STREAMS, 250)}


def test_neighbours_are_words_of_like_meaning(table):
    near = near_words(table, ["a dog barking"])
    (dog,) = table.tokenize(["dog"])[0][0].tolist()
    words = [table.word(i) for i in near[dog]]
    assert "dogs" in words and "piano" not in words


def test_the_first_stream_is_asked_for_as_often_as_the_recipe_says(table):
    codec = SimpleNamespace(vocab=VOCAB)
    task = SoundTask(store(), store(), table, codec, STREAMS, span=2, frames=100, first=0.7)
    asked = [int(batch["stage"]) for batch in (task.batch(step, 0) for step in range(300))]
    assert 0.6 < asked.count(0) / 300 < 0.82 and set(asked) == set(range(STREAMS))
