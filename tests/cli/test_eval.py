"""`maskaudio eval`: tables, JSON, a report, and one line about bad input."""

import json

import numpy as np
import pytest

from tests.evaluation.clips import RATE, manifest, noise, write_clip


@pytest.fixture
def clips(run):
    """A manifest of three pairs, in the folder where the command runs."""
    rows = []
    for i in range(3):
        real = noise(i, 0.5)
        row = {"file": write_clip(run.work / f"f{i}.wav", real + noise(i + 5, 0.5) / 10)}
        row |= {"text": f"number {i}"}
        row |= {"reference": write_clip(run.work / f"r{i}.wav", real), "prompt": f"noise {i}", "extra": 1}
        rows.append(row)
    return manifest(run.work, rows)


def test_codec_pairs_as_a_table_and_a_report(run, clips):
    pytest.importorskip("jiwer")
    done = run("eval", "codec", clips, "--out", "report")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["3", "clips", "clips", "ceiling:", "the", "originals"]
    assert any(line.startswith("log-mel distance (dB, lower is better)") for line in lines)
    assert any(line.startswith("phone error added, by maskaudio's own tokeniser") for line in lines)
    assert b"not used: extra, prompt" in done.stderr and b"wrote report/report.html" in done.stderr
    report = json.loads((run.work / "report" / "report.json").read_text())
    assert report["figures"]["clips"]["mel"]["count"] == 3
    assert "<audio" in (run.work / "report" / "report.html").read_text()

    again = run("eval", "codec", clips, "--against", "report", "--json", "-q")
    assert again.returncode == 0 and again.stderr == b"", again.stderr
    compared = json.loads(again.stdout)["comparison"]
    assert compared["pairs"] == 3 and compared["figures"]["mel"]["value"] == 0


def test_speech_by_our_own_tokeniser(run):
    pytest.importorskip("jiwer")
    write_clip(run.work / "a.wav", noise(1, 1))
    (run.work / "a.csv").write_text("file,text\na.wav,good morning\n")
    done = run("eval", "speech", "a.csv", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["tools"] == {"recogniser": "maskaudio's speech-tokens"}
    assert report["figures"]["clips"]["per"]["value"] > 0.3
    assert report["clips"][0]["parts"]["per"][1] == 9  # g ʊ d m ɔ ɹ n ɪ ŋ


def test_sound_without_a_judge(run, clips, model):
    done = run("eval", "sound", clips, "-m", model)
    assert done.returncode == 0, done.stderr
    table = done.stdout.decode()
    assert "text–audio score, by maskaudio's own ranker" in table and "–" in table
    assert b"give a judge with --judge FILE" in done.stderr


def test_what_is_asked_for_and_not_installed_is_an_error(fails, run, clips):
    (run.work / "none").mkdir()
    path = manifest(run.work, [{"file": "f0.wav", "text": "hello"}], "one.jsonl")
    asked = ("eval", "speech", path, "--recogniser", "none")
    fails(2, *asked, says="none: no recogniser")
    (run.work / "none" / "model.bin").write_bytes(b"nonsense")
    (run.work / "hidden").mkdir()
    (run.work / "hidden" / "faster_whisper.py").write_text("raise ImportError")
    env = {"PYTHONPATH": f"{run.work / 'hidden'}:{run.env['PYTHONPATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    fails(1, *asked, env=env, says='pip install "maskaudio[eval]"')
    pytest.importorskip("faster_whisper")
    fails(1, *asked, says="none: not a recogniser")


def test_bad_input_is_one_line(fails, run, clips):
    fails(2, "eval", "speech", "no.csv", says="no.csv: no such file")
    (run.work / "x.csv").write_text("file,text\ngone.wav,hello\n")
    fails(2, "eval", "speech", "x.csv", says="line 2: gone.wav: no such file")
    (run.work / "x.wav").write_bytes(b"no audio")
    (run.work / "x.csv").write_text("file\nx.wav\n")
    fails(1, "eval", "codec", "x.csv", says="line 2: x.wav: not readable")
    fails(1, "eval", "sound", clips, "-q", "--judge", "x.wav", says="x.wav: not a judge")
    fails(1, "eval", "codec", clips, "--against", "x.csv", says="not a report")
    fails(2, "eval", "codec", clips, "--out", "x.csv", says="is a file")
    fails(2, "eval", "codec", clips, "--out", "no/such", says="no such folder")
    quiet = write_clip(run.work / "quiet.wav", np.zeros(RATE))
    fails(2, "eval", "speech", manifest(run.work, [{"file": quiet, "text": "?"}]), says="nothing to say")
