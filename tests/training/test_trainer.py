"""A killed run resumes on the same loss curve; weights survive without pickle."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.training.trainer import Schedule, pick_precision, read_average, train


class Regression(nn.Module):
    """Fits y = Wx; dropout makes the curve depend on the random state, too."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.2), nn.GELU(), nn.Linear(32, 1))

    def forward(self, x, y):
        loss = (self.layers(x)[:, 0] - y).square().mean()
        return {"loss": loss}


class Data:
    def batch(self, step, rank):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 8, generator=generator)
        return {"x": x, "y": x.sum(1)}

    def validate(self, model):
        return {"loss": model(**self.batch(10**6, 0))["loss"].item()}

    def show(self, model, folder):
        folder.mkdir(parents=True, exist_ok=True)


SCHEDULE = Schedule(steps=60, lr=1e-2, warmup=5, ema=0.9, save_every=0.0, validate_every=30)


def losses(run):
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [(r["step"], r.get("loss"), r.get("valid_loss")) for r in rows]


def test_a_killed_run_resumes_on_the_same_curve(tmp_path):
    whole = train(Regression(), Data(), SCHEDULE, tmp_path / "whole", device="cpu")

    def kill(step, figures):
        if step == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Regression(), Data(), SCHEDULE, tmp_path / "cut", device="cpu", on_step=kill)
    resumed = train(Regression(), Data(), SCHEDULE, tmp_path / "cut", device="cpu", resume=True)

    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    assert read_average(tmp_path / "cut" / "state.safetensors").keys() == whole.keys()
    assert losses(tmp_path / "whole")[-1][2] < losses(tmp_path / "whole")[0][1]
    assert (tmp_path / "whole" / "loss.png").stat().st_size > 1000


def test_a_log_cut_off_in_a_line_is_no_obstacle(tmp_path):
    train(Regression(), Data(), SCHEDULE, tmp_path, device="cpu")
    before = losses(tmp_path)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 80, "lo')
    train(Regression(), Data(), SCHEDULE, tmp_path, device="cpu", resume=True)
    assert losses(tmp_path) == before


def test_steps_and_devices_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match="steps: 0"):
        Schedule(steps=0)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device cuda"):
            train(Regression(), Data(), SCHEDULE, tmp_path / "run", device="cuda")
        assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_by_mistake(tmp_path):
    short = Schedule(steps=2, save_every=0.0)
    train(Regression(), Data(), short, tmp_path, device="cpu")
    with pytest.raises(MaskaudioError, match="--resume"):
        train(Regression(), Data(), short, tmp_path, device="cpu")


def test_a_state_of_another_recipe_is_named(tmp_path):
    short = Schedule(steps=2, save_every=0.0)
    train(Regression(), Data(), short, tmp_path, device="cpu")
    other = Regression()
    other.more = nn.Linear(2, 2)
    with pytest.raises(MaskaudioError, match="another recipe: 'more"):
        train(other, Data(), short, tmp_path, device="cpu", resume=True)
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert file.metadata() == {"step": "2"}


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    class Broken(Regression):
        def forward(self, x, y):
            return {"loss": super().forward(x, y)["loss"] * float("nan")}

    with pytest.raises(MaskaudioError, match="lower the lr"):
        train(Broken(), Data(), SCHEDULE, tmp_path, device="cpu")


def test_the_learning_rate_warms_up_and_falls_to_a_twentieth():
    schedule = Schedule(steps=100, lr=1.0, warmup=10)
    assert schedule.rate(0) == pytest.approx(0.1) and schedule.rate(9) == pytest.approx(1.0)
    assert schedule.rate(100) == pytest.approx(0.05)
    assert all(schedule.rate(i) >= schedule.rate(i + 1) for i in range(10, 100))


def test_precision_follows_the_processor():
    assert pick_precision("fp32", "cpu") == "no" and pick_precision("bf16", "cpu") == "bf16"
    assert pick_precision("auto", "cpu") in ("no", "bf16")
    with pytest.raises(UsageError, match="fp16"):
        pick_precision("fp16", "cpu")
