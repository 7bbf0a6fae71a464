"""What is drawn is what was seen."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from maskaudio.decoding.engine import Grid, Progress, decode
from maskaudio.decoding.plan import Plan, StagePlan
from maskaudio.errors import UsageError
from maskaudio.pictures import Trace, draw_clip
from tests.decoding.oracle import Oracle


def test_cells_know_the_step_that_revealed_them_for_good():
    trace = Trace()
    for row in ([1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]):
        trace(Progress(1, 3, 0, torch.tensor([[row]], dtype=torch.bool)))
    assert trace.steps.tolist() == [[1, 2, 3, 3]]


def test_still_and_moving(tmp_path):
    trace = Trace()
    decode(Oracle(), Grid.blank(1, 2, 30), 1.0, Plan((StagePlan(4), StagePlan(2))), [0], observer=trace)
    trace.save(tmp_path / "a.png")
    trace.save(tmp_path / "a.gif")
    assert Image.open(tmp_path / "a.png").size[0] > 500
    assert Image.open(tmp_path / "a.gif").n_frames == 6
    with pytest.raises(UsageError, match="ends in"):
        trace.save(tmp_path / "a.jpg")


def test_a_clip_with_its_tokens():
    data = draw_clip(np.random.randn(80, 100), np.zeros((3, 25), int), 1.0, "a clip")
    assert Image.open(io.BytesIO(data)).format == "PNG"
