"""Codecs: distances of known pairs, the use of codes, and a whole round."""

import math

import numpy as np
import pytest

from maskaudio.errors import UsageError
from maskaudio.evaluation.codec import evaluate_codec, usage
from tests.evaluation.clips import RATE, manifest, noise, write_clip
from tests.tiny import tiny_codec_model


def pairs(folder, decibels):
    """Tones with noise so many dB below them, each with the clean tone as its reference."""
    made = []
    for i in range(3):
        tone = 0.4 * np.sin(np.arange(RATE) * (0.1 + 0.05 * i))
        hiss = np.random.default_rng(i).standard_normal(RATE)
        hiss *= np.sqrt((tone**2).mean() / (hiss**2).mean()) * 10 ** (-decibels / 20)
        row = {"file": write_clip(folder / f"f{i}.wav", tone + hiss)}
        made.append(row | {"reference": write_clip(folder / f"r{i}.wav", tone)})
    return made


def test_si_sdr_of_noise_20_db_under_a_tone_is_20_db(tmp_path):
    pytest.importorskip("torchmetrics")
    figures = evaluate_codec(manifest(tmp_path, pairs(tmp_path, 20)), device="cpu").report.figures["clips"]
    assert figures["si_sdr"].value == pytest.approx(20, abs=0.1)
    assert figures["mel"].value > 1 and "bitrate" not in figures


def test_what_comes_back_as_it_was_is_perfect(tmp_path):
    made = [
        {"file": write_clip(tmp_path / f"{i}.wav", noise(i, 3)), "reference": f"{i}.wav"} for i in range(2)
    ]
    figures = evaluate_codec(manifest(tmp_path, made), device="cpu").report.figures["clips"]
    assert figures["mel"].value == 0
    for key, perfect in (("stft", 0), ("stoi", 1), ("pesq", 4.644)):
        if key in figures:  # where their packages are installed
            assert figures[key].value == pytest.approx(perfect, abs=1e-3), key


def test_use_of_codes():
    even = np.zeros((2, 1, 8), int)
    even[:, 0, :4] = 5
    figures = usage(even)
    assert figures["used.1"].value == 0.5 and figures["perplexity.1"].value == pytest.approx(4)
    skewed = np.array([[[3, 1]], [[3, 1]]])
    bits = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert usage(skewed)["perplexity.1"].value == pytest.approx(2**bits)


def test_a_round_through_a_codec(tmp_path):
    model = str(tiny_codec_model(tmp_path / "tiny"))
    made = [{"file": write_clip(tmp_path / f"{i}.wav", noise(i))} for i in range(2)]
    evaluation = evaluate_codec(manifest(tmp_path, made), model=model, device="cpu")
    report = evaluation.report
    figures = report.figures["clips"]
    assert figures["bitrate"].value == pytest.approx(3 * 4 * 25 / 1000)
    assert figures["encode"].value > 0 and figures["decode"].value > 0 and figures["mel"].value > 0
    assert 0 < figures["used.3"].value <= 1 <= figures["perplexity.3"].value <= 16
    titles = [row[0] for row in report.table()]
    assert titles.index("codes used, stream 1 (%, higher is better)") < titles.index(
        "codes used, stream 3 (%, higher is better)"
    )
    sounds = evaluation.sounds(1)
    assert list(sounds) == ["clip", "original"]
    assert len({audio.samples.shape for audio in sounds.values()}) == 1


def test_pairs_are_pairs(tmp_path):
    made = pairs(tmp_path, 20)
    del made[1]["reference"]
    with pytest.raises(UsageError, match="line 2: no reference"):
        evaluate_codec(manifest(tmp_path, made))
