"""The published rules by their formulas; whole decodes of the originals are in tests/published."""

import math

import pytest
import torch

from maskaudio.config import from_dict, to_dict
from maskaudio.decoding.engine import ORDERS, Grid, decode
from maskaudio.decoding.plan import Plan
from maskaudio.decoding.published import magnet_plan, maskgct_plan
from maskaudio.decoding.samplers import Chance
from tests.decoding.oracle import Oracle


def rules(plan, frames=60, stage=0):
    own = plan.stages[stage]
    open = torch.ones(1, frames, dtype=torch.bool)
    return ORDERS[own.sampler](open, own, plan.span_length, plan.schedule, Chance([0]))


@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_magnet_hides_by_the_cosine_at_least_one_span_and_cools_to_nothing(steps):
    order = rules(magnet_plan([steps] * 4))
    left = [int(order.left(i)) for i in range(steps)]
    shares = [math.cos(math.pi / 2 * (i + 1) / max(1, steps - 1)) for i in range(steps - 1)]
    assert left == [max(1, int(20 * share + 1e-6)) for share in shares] + [0]
    assert order.guidance(0) == 10.0
    assert steps == 1 or order.guidance(steps - 1) == pytest.approx(1.0)
    assert order.temperature(0) == pytest.approx(max(0.01, 3.0 * (steps - 1) / steps))
    assert order.temperature(steps - 1) == 0.01


@pytest.mark.parametrize("steps", [1, 4, 25])
def test_maskgct_hides_by_the_sine_of_the_time_left(steps):
    order = rules(maskgct_plan([steps], temperature=1.5, top_k=4))
    times = [1 - (i + 1) / steps for i in range(steps)]
    assert [int(order.left(i)) for i in range(steps)] == [
        math.floor(60 * math.sin(math.pi / 2 * t) + 1e-5) for t in times
    ]
    assert order.guidance(0) == 3.5
    assert order.likeliest(steps - 1) == (steps > 1)
    assert order.temperature(0) == (0.2 if steps == 1 else 1.5)


@pytest.mark.parametrize("scoring", ["max", "product", "stride-1"])
def test_they_fill_what_the_network_wants(scoring):
    plan = magnet_plan([6, 3], scoring=scoring, top_p=0.0, top_k=2)
    out = decode(Oracle(whole_spans=True), Grid.blank(1, 2, 21), 1.0, plan, [0])
    assert torch.equal(out[0, 1], (torch.arange(21) + 1) % 11)
    plan = maskgct_plan([6, 3], temperature=1.0, top_k=2, guidance=0)
    out = decode(Oracle(), Grid.blank(1, 2, 21), 1.0, plan, [0])
    assert torch.equal(out[0, 1], (torch.arange(21) + 1) % 11)


def test_plans_round_trip():
    plan = magnet_plan([2, 1])
    assert from_dict(Plan, to_dict(plan)) == plan
