"""The samplers against brute force on a toy distribution whose conditionals are known, and by property."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.exactness import JOINT, bound, by_confidence, chi_squared, drawn
from maskaudio.decoding import engine
from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.orders import Order, spread_out
from maskaudio.decoding.plan import COURSES, SAMPLERS, SCORINGS, Plan, StagePlan
from maskaudio.errors import UsageError
from tests.decoding.oracle import VOCAB, Oracle

BOUND = bound(JOINT.numel())


@pytest.mark.parametrize("sampler", ["first-hitting", "low-discrepancy"])
def test_one_at_a_time_in_an_order_chosen_first_is_exact(sampler):
    assert chi_squared(drawn(sampler, 20_000), JOINT) < BOUND


def test_confidence_is_what_brute_force_says_and_not_the_distribution():
    seen = drawn("confidence", 20_000)
    want = torch.zeros_like(JOINT)
    for row, p in by_confidence().items():
        want[row] = p
    assert chi_squared(seen, want) < BOUND < chi_squared(seen, JOINT)


@given(
    frames=st.integers(1, 40),
    steps=st.integers(1, 12),
    span=st.integers(1, 4),
    sampler=st.sampled_from(SAMPLERS),
    scoring=st.sampled_from(SCORINGS),
    budget=st.floats(0, 30),
    remask=st.booleans(),
    critic=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None)
def test_known_cells_never_change_and_all_others_are_filled(
    frames, steps, span, sampler, scoring, budget, remask, critic, seed
):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, VOCAB, (2, 3, frames), generator=generator)
    known = torch.rand(2, 3, frames, generator=generator) < 0.4
    remask, critic = remask and sampler == "confidence", critic and sampler == "confidence"
    stage = StagePlan(
        steps, sampler=sampler, scoring=scoring, budget=budget, remask=remask, critic=critic, noise=2.0
    )
    seen = []
    plan = Plan((stage, stage), span)
    oracle = Oracle(stages=2, whole_spans=sampler == "magnet")
    out = decode(oracle, Grid(codes, known), 0.1, plan, [1, 2], observer=seen.append)
    assert torch.equal(out[known], codes[known]) and (out < VOCAB).all()
    assert [p.done for p in seen] == list(range(1, 2 * steps + 1)) and seen[-1].known.all()
    assert all((p.known | ~known).all() for p in seen)
    if not (remask or critic or scoring == "stride-1"):
        assert all((b.known | ~a.known).all() for a, b in itertools.pairwise(seen))
    alone = decode(oracle, Grid(codes[1:], known[1:]), 0.1, plan, [2])
    assert torch.equal(out[1], alone[0])


@given(st.integers(1, 200), st.integers(0, 10**6))
def test_ranks_are_spread_evenly_whatever_their_number(spans, seed):
    ranks = spread_out(spans, [torch.Generator().manual_seed(seed)])[0]
    assert len(set(ranks.tolist())) == spans
    for count in (2, 4, 8):
        if count * 4 <= spans:
            chosen = ranks.argsort()[:count].sort().values
            assert (chosen[1:] - chosen[:-1]).min() >= spans // (4 * count)


def test_what_is_chosen_first_asks_for_no_row_in_vain():
    for sampler in ("low-discrepancy", "first-hitting"):
        oracle = Oracle()
        plan = Plan((StagePlan(6, sampler=sampler),), 2)
        decode(oracle, Grid.blank(1, 1, 80), 1.0, plan, [3])
        assert sum(oracle.rows) == 80


def test_a_large_budget_is_done_at_once_and_none_keeps_the_schedule():
    rows = {}
    for budget in (0.0, 1e9):
        oracle = Oracle()
        decode(
            oracle, Grid.blank(1, 1, 80), 1.0, Plan((StagePlan(6, sampler="entropy", budget=budget),), 2), [3]
        )
        rows[budget] = oracle.rows
    assert rows[1e9] == [80] and len(rows[0.0]) == 6


def test_guidance_courses():
    weights = {
        c: [StagePlan(1, guidance=3.0, course=c).guidance_at(m) for m in (1.0, 0.5, 0.0)] for c in COURSES
    }
    assert weights == {"down": [3, 2, 1], "up": [1, 2, 3], "constant": [3, 3, 3]}


def test_guidance_within_an_interval():
    stage = StagePlan(1, guidance=3.0, course="constant", interval=(0.3, 0.9))
    assert [stage.guidance_at(m) for m in (1.0, 0.9, 0.5, 0.3, 0.2)] == [1, 3, 3, 3, 1]


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="sampler 'best'"):
        StagePlan(1, sampler="best")
    with pytest.raises(UsageError, match="hide again"):
        StagePlan(1, sampler="entropy", remask=True)


def test_a_registered_sampler_is_one_that_plans_may_name(monkeypatch):
    class Confidence(Order):
        """The one there is, by another name."""

    known = list(SAMPLERS)
    monkeypatch.setattr(engine, "ORDERS", dict(engine.ORDERS))
    try:
        engine.register_sampler("my-own", Confidence)
        with pytest.raises(UsageError, match="'my-own' is there already"):
            engine.register_sampler("my-own", Confidence)
        grid, stages = Grid.blank(1, 3, 9), [StagePlan(3, sampler=name) for name in ("my-own", "confidence")]
        made = [decode(Oracle(stages=2), grid, 0.1, Plan((stage, stage), 2), [1]) for stage in stages]
        assert torch.equal(*made)
    finally:
        SAMPLERS[:] = known
