"""What is copied, what it is compared with, and whose pitch a copy has."""

import json
import sys

import numpy as np
import pytest
import soundfile

from benchmarks import people
from benchmarks.speech import SAMPLE_RATE


def voiced(pitch, seconds):
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return 0.1 * sum(np.cos(2 * np.pi * k * pitch * time) / k for k in range(1, 20))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "COPIED", 1)
    monkeypatch.setattr(people, "JOINED", 2)
    for number, seconds in enumerate((1, 3, 3.5, 4, 5)):
        (tmp_path / "in" / "ann").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / "ann" / f"{number}.wav", voiced(180 + number, seconds), SAMPLE_RATE)
    monkeypatch.setattr(sys, "argv", ["people", "--people", f"{tmp_path}/in", "--out", f"{tmp_path}/out"])
    return tmp_path


def test_copies_are_compared_with_other_clips(folder, capsys):
    people.main()
    (row,) = (json.loads(line) for line in (folder / "out" / "copies-6.jsonl").read_text().splitlines())
    assert row["speaker"] == "ann" and row["prompt"] == "ann/voice.wav"
    assert soundfile.info(folder / "out" / "ann" / "voice.wav").duration == 7.5
    for name in ("0-originals", "0-copies", "0-copies-6"):
        assert soundfile.info(folder / "out" / "ann" / f"{name}.wav").duration == 3.0
    assert "| ann |" in capsys.readouterr().out


def test_somebody_of_too_few_clips(folder, monkeypatch):
    monkeypatch.setattr(people, "COPIED", 4)
    with pytest.raises(SystemExit, match="has 4 clips of 3 to 8 s"):
        people.main()
