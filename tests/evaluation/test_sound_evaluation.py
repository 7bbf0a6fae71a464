"""Sounds: labels, the ranker, and the Fréchet distance against its definition."""

import numpy as np
import pytest
import torch

from maskaudio.errors import UsageError
from maskaudio.evaluation.judge import Judge, save_judge
from maskaudio.evaluation.sound import evaluate_sound, frechet
from tests.evaluation.clips import manifest, noise, write_clip
from tests.tiny import tiny_sound_model


def test_the_frechet_distance_is_that_of_two_gaussians():
    linalg = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((40, 6)), 1 + rng.standard_normal((50, 6)) * np.arange(1, 7)
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    found = frechet(one, other)
    assert found.value == pytest.approx(expected) and found.low < found.value < found.high


def test_equal_sets_are_no_distance_apart_and_a_shift_is_its_square():
    one = np.random.default_rng(0).standard_normal((20, 100))
    assert frechet(one, one, 4).value == pytest.approx(0, abs=1e-9)
    assert frechet(one, one + 0.5, 4).value == pytest.approx(100 * 0.25)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_sound_model(tmp_path_factory.mktemp("tiny") / "sound"))


@pytest.fixture
def judge(tmp_path):
    torch.manual_seed(0)
    save_judge(Judge([f"label {i}" for i in range(9)]).eval(), tmp_path / "judge.safetensors")
    return tmp_path / "judge.safetensors"


def rows(folder):
    made = []
    for i in range(4):
        name, real = (write_clip(folder / f"{k}{i}.wav", noise(i)) for k in ("made", "real"))
        row = {"file": name, "prompt": f"sound {i}", "reference": real, "labels": f"label {i}; label {i + 1}"}
        made.append(row)
    return made


def test_clips_that_are_their_references_reach_the_ceiling(tmp_path, model, judge):
    report = evaluate_sound(manifest(tmp_path, rows(tmp_path)), judge=judge, model=model, device="cpu").report
    clips, ceiling, floor = (report.figures[c] for c in ("clips", "ceiling", "floor"))
    assert clips["frechet"].value == pytest.approx(0, abs=1e-6)
    assert clips["mel"].value == 0 < floor["mel"].value
    assert all(clips[key] == ceiling[key] for key in ("top1", "top5", "fit"))
    assert clips["top5"].value in np.arange(9) / 8  # two labels for each of four clips
    assert floor["fit"].value != clips["fit"].value
    assert report.tools["judge"].startswith("judge.safetensors (")


def test_without_a_judge_its_figures_are_named(tmp_path, model, caplog):
    report = evaluate_sound(manifest(tmp_path, rows(tmp_path)), model=model, device="cpu").report
    assert set(report.missing) == {"top1", "top5", "frechet"} and "--judge FILE" in caplog.text
    assert "fit" in report.figures["clips"]


def test_a_label_that_the_judge_does_not_know_is_named(tmp_path, model, judge):
    made = rows(tmp_path)
    made[2]["labels"] = "unicorn"
    with pytest.raises(UsageError, match="line 3: the judge does not know the label 'unicorn'"):
        evaluate_sound(manifest(tmp_path, made), judge=judge, model=model)
