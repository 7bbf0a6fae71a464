"""The race of `python -m benchmarks speed`: fair, and run once with toys. No figure is looked at."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch

from benchmarks import speed
from benchmarks.racing import peers
from benchmarks.racing.contestants import Contestant, whole_process
from benchmarks.racing.ours import Magnet, Matrix
from benchmarks.racing.peers import packed
from benchmarks.racing.phases import REST, Clock
from benchmarks.racing.programme import SECTIONS, Programme
from benchmarks.racing.race import Lap, race, seconds, times
from benchmarks.racing.roofline import gflop
from benchmarks.racing.texts import PACE, texts
from tests.tiny import tiny_sound_model, tiny_speech_model

ECHO = """
from benchmarks.racing.contestants import answer

class Echo:
    def __init__(self):
        print("libraries print")

    def double(self, number):
        return 2 * number

    def end(self, number):
        raise SystemExit("the last word")

answer(Echo)
"""


def test_every_round_runs_every_task_once_and_begins_elsewhere():
    ran = []
    tasks = {name: lambda number, name=name: ran.append((number, name)) or Lap(1.0) for name in "abcdef"}
    laps = race(tasks, 3, once=["b"])
    rounds = ["".join(name for n, name in ran if n == number) for number in range(3)]
    assert rounds == ["abcdef", "cdefa", "efacd"]
    assert {name: len(own) for name, own in laps.items()} == dict.fromkeys("acdef", 3) | {"b": 1}


def test_who_fails_is_out_and_the_others_go_on():
    def broken(number):
        raise RuntimeError("no more")

    out = []
    tasks = {"good": lambda number: Lap(1.0), "bad": broken}
    laps = race(tasks, 2, failed=lambda name, error: out.append((name, str(error))))
    assert out == [("bad", "no more")] and list(laps) == ["good"] and len(laps["good"]) == 2
    with pytest.raises(RuntimeError, match="no more"):
        race(tasks, 1)


def test_costs_are_compared_round_by_round():
    ours = [Lap(1.0, 10.0), Lap(4.0, 10.0), Lap(2.0, 10.0)]  # a machine that slows down
    theirs = [Lap(3.0, 15.0), Lap(16.0, 10.0), Lap(6.0, 10.0)]
    assert seconds(ours).median == 2.0 and seconds(ours).most == 4.0
    beside = times(theirs, ours)
    assert (beside.least, beside.median, beside.most) == pytest.approx((2.0, 3.0, 4.0))
    assert times(theirs[:1], ours).median == 2.0  # one that ran once, beside the same round


def test_a_contestant_answers_and_says_why_it_ends():
    with Contestant([sys.executable, "-c", ECHO], 1) as echo:
        lap = echo.lap("double", number=3)
        assert lap.audio == 6 and lap.seconds > 0
        assert sys.platform != "linux" or 5 < lap.memory < 200
        with pytest.raises(RuntimeError, match="AttributeError"):
            echo.ask("triple", number=3)
        assert echo.ask("double", number=4) == 8
        with pytest.raises(RuntimeError, match="the last word"):
            echo.ask("end", number=0)
    with pytest.raises(RuntimeError, match="exit status 2"):
        whole_process(["generate", "rain", "--no-such-option"], 1)


def test_texts_are_as_long_as_asked_and_new_in_every_round():
    for length in (3.0, 10.0, 60.0):
        said = [text for number in range(3) for text in texts(length, number, 2)]
        assert len(set(said)) == 6
        assert all(abs(len(text) / PACE / length - 1) < 0.2 for text in said)


def test_what_is_counted():
    one = torch.randn(1, 2, 8, 16)
    wave = torch.randn(3, 1024)
    with torch.inference_mode():
        assert gflop(lambda: one[0, 0] @ one[0, 0].T) == 2 * 8 * 8 * 16 / 1e9
        attention = gflop(lambda: torch.nn.functional.scaled_dot_product_attention(one, one, one))
        assert attention == 2 * 2 * 2 * 8 * 8 * 16 / 1e9
        there = gflop(lambda: torch.fft.rfft(wave))
        assert there == 2.5 * 3 * 1024 * 10 / 1e9
        assert gflop(lambda: torch.fft.irfft(torch.fft.rfft(wave))) == 2 * there
    assert Matrix().gflop(of="product", number=0) == 2 * 2048**3 / 1e9
    first, second = (Magnet("tiny").gflop(of="step", number=0, stage=stage) for stage in (0, 1))
    assert first > second > 0  # later streams look at their neighbours only


def test_time_belongs_to_the_innermost_phase(monkeypatch):
    now = iter([0.0, 7.0, 8.0, 11.0, 12.0])  # made, outer begins, inner begins, inner ends, outer ends
    monkeypatch.setattr("benchmarks.racing.phases.time", SimpleNamespace(perf_counter=lambda: next(now)))
    clock = Clock()
    with clock.phase("outer"), clock.phase("inner"):
        pass
    assert clock.spent == {"outer": 2.0, "inner": 3.0}


def test_every_section_has_tables_whose_tasks_are_told_apart():
    programme = Programme(speakers=(("kokoro", "Kokoro"),), audiocraft=True)
    tasks = {row.task for name in SECTIONS for table in programme.section(name) for row in table.rows}
    assert len({str(task) for task in tasks}) == len(tasks) > 40
    assert {task.who for task in tasks} >= {"kokoro", "audiocraft", "process", "sound@1", "speech@1"}


def test_peers_that_are_not_there(tmp_path):
    assert peers.found(None) == peers.found(tmp_path) == {}
    assert peers.set_up("pocket-tts", tmp_path / "pocket-tts").startswith("skipped: no package")
    assert list(packed(["ab", "cd", "efghij", "k"], 6)) == ["ab cd", "efghij", "k"]


def test_the_whole_race_with_toys(tmp_path, capsys):
    sound, speech = tiny_sound_model(tmp_path / "sound"), tiny_speech_model(tmp_path / "speech")
    sections = ["generate", "speak", "cold", "autoregressive", "profile"]
    models = ["--model", str(sound), "--speech-model", str(speech)]
    speed.main(["--quick", "--threads", "1", "--out", str(tmp_path / "out"), *models, "--only", *sections])
    said = capsys.readouterr()
    assert "is out" not in said.err and "cannot start" not in said.err
    for wanted in ("| 2 × 1 s |", "| --help |", "| flattened |", "transformer, semantic", "Griffin-Lim"):
        assert wanted in said.out
    kept = json.loads((tmp_path / "out" / "speed.json").read_text())
    assert set(kept["phases"]["generate, 1 s"]) >= {"text encoder", "transformer, stage 3", REST}
    assert all(len(laps) == 1 for laps in kept["laps"].values())
    assert (tmp_path / "out" / "phases.png").stat().st_size > 1000
    assert (tmp_path / "out" / "speed.md").read_text().startswith(said.out.strip()[:200])
