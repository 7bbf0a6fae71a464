"""The decode loop against a network whose answers are known."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.decoding.engine import Grid, Rescorer, decode
from maskaudio.decoding.plan import Changes, Plan, StagePlan, default_plan, make_plan, split_steps
from maskaudio.decoding.samplers import nearest
from maskaudio.errors import UsageError
from tests.decoding.oracle import VOCAB, Oracle


def plan(*steps, **kwargs):
    return Plan(tuple(StagePlan(n, **kwargs) for n in steps), span_length=2)


@given(
    frames=st.integers(1, 40),
    steps=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    seed=st.integers(0, 10**6),
    span=st.integers(1, 4),
    noise=st.floats(0, 5),
)
@settings(deadline=None)
def test_known_cells_never_change_and_all_others_are_filled(frames, steps, seed, span, noise):
    generator = torch.Generator().manual_seed(seed)
    shape = (2, len(steps), frames)
    codes = torch.randint(0, VOCAB, shape, generator=generator)
    known = torch.rand(shape, generator=generator) < 0.4
    seen = []
    stages = tuple(StagePlan(n, noise=noise) for n in steps)
    out = decode(
        Oracle(), Grid(codes, known), 1.0, Plan(stages, span), [1, 2], observer=lambda p: seen.append(p)
    )
    assert torch.equal(out[known], codes[known])
    assert (out < VOCAB).all() and (out >= 0).all()
    assert [p.done for p in seen] == list(range(1, sum(steps) + 1))
    assert all((b.known | ~a.known).all() for a, b in itertools.pairwise(seen)), "a cell was hidden again"
    assert seen[-1].known.all()


def test_it_finds_what_the_network_wants():
    out = decode(Oracle(), Grid.blank(1, 2, 20), 1.0, plan(5, 2, last_temperature=0.1), [0])
    assert torch.equal(out[0, 1], (torch.arange(20) + 1) % VOCAB)


@given(frames=st.integers(1, 30), seed=st.integers(0, 10**6), average=st.booleans())
@settings(deadline=None)
def test_the_last_stage_fills_all_streams_that_are_left(frames, seed, average):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, VOCAB, (2, 3, frames), generator=generator)
    known = torch.rand(2, 3, frames, generator=generator) < 0.3
    values = torch.eye(VOCAB).expand(3, -1, -1)
    stages = Plan((StagePlan(2), StagePlan(2, temperature=0.1, last_temperature=0.1, average=average)), 2)
    out = decode(Oracle(stages=2), Grid(codes, known), 1.0, stages, [1, 2], values=values)
    assert torch.equal(out[known], codes[known])
    want = (torch.arange(frames)[None] + torch.arange(3)[:, None]) % VOCAB
    late = ~known[:, 1:]
    assert torch.equal(out[:, 1:][late], want[None, 1:].expand(2, -1, -1)[late])


def test_an_average_is_the_code_nearest_to_the_mean():
    values = torch.tensor([[0.0], [1.0], [2.0], [3.0]])[None]
    p = torch.tensor([[[0.5, 0.0, 0.0, 0.5 - 1e-3]], [[0.0, 0.9, 0.1, 0.0]]]).double()
    assert nearest(p, values).tolist() == [[1], [1]]


def test_only_masked_cells_are_asked_for_and_fewer_each_step():
    oracle = Oracle()
    decode(oracle, Grid.blank(1, 1, 100), 1.0, plan(8), [0])
    assert oracle.rows[0] == 100 and sorted(oracle.rows, reverse=True) == oracle.rows
    assert len(set(oracle.rows)) == 8


def test_guidance_runs_a_second_row_only_where_it_weighs():
    oracle = Oracle()
    stages = (StagePlan(3, guidance=4.0), StagePlan(2))
    decode(oracle, Grid.blank(1, 2, 30), 1.0, Plan(stages), [0], unconditional=1.0)
    assert oracle.passes == [2, 2, 2, 1, 1]
    oracle = Oracle()  # before its steps 1, .92, .71 and .38 are hidden
    stages = (StagePlan(4, guidance=4.0, interval=(0.5, 0.95)),)
    decode(oracle, Grid.blank(1, 1, 30), 1.0, Plan(stages), [0], unconditional=1.0)
    assert oracle.passes == [1, 2, 2, 1]


def test_a_clip_does_not_depend_on_its_neighbours_and_seeds_matter():
    two = decode(Oracle(), Grid.blank(2, 2, 50), 0.1, plan(4, 2), [7, 8])
    one = decode(Oracle(), Grid.blank(1, 2, 50), 0.1, plan(4, 2), [8])
    assert torch.equal(two[1], one[0])
    assert not torch.equal(two[0], two[1])


def test_splitting_steps():
    assert split_steps(12, 6) == (7, 1, 1, 1, 1, 1)
    assert split_steps(32, 6) == (22, 2, 2, 2, 2, 2)
    assert split_steps(6, 6) == (1,) * 6
    assert split_steps([3, 2], 2) == (3, 2)
    assert split_steps(9, 1) == (9,)
    for bad in (5, 0, -1, [1] * 5, [0, 1, 1, 1, 1, 1]):
        with pytest.raises(UsageError):
            split_steps(bad, 6)


@given(st.integers(1, 12), st.integers(0, 60))
def test_a_total_of_steps_is_spent_exactly(streams, extra):
    counts = split_steps(streams + extra, streams)
    assert sum(counts) == streams + extra and min(counts) >= 1 and max(counts) == counts[0]


def test_what_the_user_asks_for_replaces_the_models_own():
    mine = default_plan(6, 2)
    changed = make_plan(mine, Changes(steps=32, guidance=1.5, temperature=2.0, top_p=0.5, span=4))
    assert changed.steps == 32 and changed.span_length == 4
    assert [s.guidance for s in changed.stages] == [1.5, 1, 1, 1, 1, 1]
    each = make_plan(mine, Changes(guidance=[4.0, 2.0, 1.0, 1.0, 1.0, 1.0]))
    assert [s.guidance for s in each.stages] == [4, 2, 1, 1, 1, 1]
    with pytest.raises(UsageError, match="give 6 numbers"):
        make_plan(mine, Changes(guidance=[4.0, 1.0]))
    assert changed.stages[1].temperature == 2 * mine.stages[1].temperature
    assert make_plan(mine, Changes()) == mine
    other = make_plan(mine, Changes(sampler="entropy", schedule="linear", course="up", rescale=0.7))
    assert other.schedule == "linear" and {s.sampler for s in other.stages} == {"entropy"}
    assert {(s.course, s.rescale) for s in other.stages} == {("up", 0.7)}
    within = make_plan(mine, Changes(interval=[0.5, 1.0]))
    assert {s.interval for s in within.stages} == {(0.5, 1.0)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"guidance": -1.0},
        {"top_p": 0.0},
        {"rescale": 2.0},
        {"span": 0},
        {"sampler": "magic"},
        {"schedule": "square"},
        {"course": "sideways"},
        {"sampler": "entropy", "remask": True},
        {"interval": 0.5},
        {"interval": [0.9, 0.3]},
        {"interval": [0.0, 0.5, 1.0]},
        {"temperature": float("nan")},
    ],
)
def test_changes_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        make_plan(default_plan(6, 2), Changes(**wrong))


class Doubter(Oracle):
    """Believes what the other network wants in the last frames only."""

    def logits(self, codes, stage, condition, cells):
        logits = super().logits(codes, stage, condition, cells)
        late = torch.arange(codes.shape[2]) >= codes.shape[2] - 6
        return logits * late.expand(len(codes), -1)[cells][:, None, None]


@pytest.mark.parametrize("weight, first", [(1.0, None), (0.2, {14, 15, 16, 17, 18, 19})])
def test_a_rescorer_has_its_say_in_what_comes_first(weight, first):
    """Reveals are ordered by both; what is revealed stays the first network's."""
    seen = []
    one = Plan((StagePlan(4, noise=0.0, last_temperature=0.1),), span_length=2)

    def made(rescorer):
        seen.clear()
        grid = Grid.blank(1, 1, 20)
        return decode(Oracle(), grid, 1.0, one, [0], rescorer=rescorer, observer=lambda p: seen.append(p))

    alone = made(None)
    order = [p.known for p in seen]
    both = made(Rescorer(Doubter(), 1.0, weight))
    assert torch.equal(alone, both)
    if first is None:
        assert all(torch.equal(a, b.known) for a, b in zip(order, seen, strict=True))
    else:
        early = set(seen[1].known[0, 0].nonzero()[:, 0].tolist())
        assert early and early <= first


def test_a_critic_says_what_is_made_again():
    """It doubts all tokens but one kind: frames that got another one are hidden again until they have it."""

    class Doubtful(Oracle):
        def logits(self, codes, stage, condition, cells):
            return torch.zeros(int(cells.sum()), 1, VOCAB)

        def genuine(self, codes, stage, condition):
            return 8.0 * (codes[:, 0] == 3).double()

    def made(critic):
        one = Plan((StagePlan(60, critic=critic, noise=0.0, last_temperature=1.0),), 1, "linear")
        return decode(Doubtful(), Grid.blank(1, 1, 40), 1.0, one, [0])

    liked = (made(True) == 3).float().mean()
    assert liked > 0.5 > 0.3 > (made(False) == 3).float().mean()
