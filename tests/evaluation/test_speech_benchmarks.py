"""The benchmarks of speech: the probe, the scene, and the rows written for a scorer."""

import json
import sys

import numpy as np
import pytest
import soundfile
import torch

from benchmarks import speech as rows
from benchmarks import voices
from benchmarks.speech_tokens import probe
from tests.tiny import tiny_speech_model


def test_the_probe_finds_what_is_there_and_nothing_else():
    labels = torch.arange(4).repeat(20)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(80, 16, generator=generator)
    assert probe(noise, labels) < 0.45
    assert probe(noise + 4 * torch.nn.functional.one_hot(labels, 16), labels) > 0.9


def test_voices_speak_and_are_compared(tmp_path):
    model = tiny_speech_model(tmp_path / "model")
    voices.speak(tmp_path / "run", 2, str(model))
    said = [json.loads(line) for line in (tmp_path / "run" / "voices.jsonl").read_text().splitlines()]
    assert [row["file"] for row in said] == ["ada-0.wav", "ada-1.wav", "ben-0.wav", "ben-1.wav"]
    assert all(soundfile.info(tmp_path / "run" / row["file"]).duration > 0.2 for row in said)
    clips = [{"name": row["file"], "parts": {"wer": [row["number"], 2.0]}} for row in said]
    errors = voices.word_errors(said, clips)
    assert errors == {"ada": 0.25, "ben": 0.25}
    vectors = {"ada": np.eye(3)[[0, 0]], "ben": np.eye(3)[[0, 1]]}
    text = voices.summary(said, vectors, errors)
    assert "| ada | random | en-us | 25.0 % | ben | 0.50 |" in text
    assert "1 pairs: mean 0.50, largest 0.50, 1 at most 0.75; two sentences of one voice: 0.50" in text


@pytest.fixture
def corpus(tmp_path):
    """Two unseen speakers, two clips each, and one of training."""
    lines = []
    rng = np.random.default_rng(0)
    for number, (speaker, split) in enumerate(
        (("a", "valid"), ("a", "valid"), ("b", "valid"), ("b", "valid"))
    ):
        wave = 0.1 * rng.standard_normal(4 * 24000)
        soundfile.write(tmp_path / f"{number}.wav", wave, 24000)
        timing = {"symbols": "lˈIn.", "durations": [30, 40, 40, 20, 30]}
        text = {"text": f"Line {number}."} | timing
        lines.append({"file": f"{number}.wav", "speaker": speaker, "split": split} | text)
    soundfile.write(tmp_path / "t.wav", wave, 24000)
    lines.append({"file": "t.wav", "text": "Known.", "speaker": "c", "split": "train"})
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return tmp_path


def test_prompts_are_no_clips_that_count(corpus):
    clips, prompts = rows.scene(corpus)
    assert {len(w) for w in prompts.values()} == {3 * 24000} and set(prompts) == {"a", "b"}
    assert [clip.fields["text"] for clip, _ in clips] == ["Line 1.", "Line 3."]


@pytest.mark.parametrize("row", ["corpus", "codec", "semantic", "timed"])
def test_a_row_and_its_manifest(corpus, tmp_path, monkeypatch, capsys, row):
    model = tiny_speech_model(tmp_path / "model")
    command = [
        "benchmarks.speech",
        row,
        "--speech",
        str(corpus),
        "--out",
        str(tmp_path),
        "--model",
        str(model),
    ]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr("maskaudio.pipelines.voices.SPEECH_LIKE", 0.0)  # a tiny tokeniser knows no speech
    rows.main()
    lines = [json.loads(line) for line in (tmp_path / f"{row}.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == ["Line 1.", "Line 3."]
    for line in lines:
        for name in ("file", "prompt"):
            assert soundfile.info(tmp_path / line[name]).samplerate == 24000
    assert "2 clips, 8 s" in capsys.readouterr().out


def test_sentences_come_with_a_mute_manifest(corpus, tmp_path, monkeypatch):
    model = tiny_speech_model(tmp_path / "model")
    command = ["benchmarks.speech", "speak", "--speech", str(corpus), "--out", str(tmp_path), "--count", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--model", str(model)])
    monkeypatch.setattr("maskaudio.pipelines.voices.SPEECH_LIKE", 0.0)
    rows.main()
    own, mute = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("speak.jsonl", "speak-mute.jsonl")
    )
    assert [x["file"] for x in own] == [x["file"] for x in mute]
    assert [x["text"] for x in own] == [x["text"] for x in mute][::-1]
    assert all(a["prompt"] != b["prompt"] for a, b in zip(own, mute, strict=True))
