"""Speech: errors, ceilings, floors and voices."""

import numpy as np
import pytest

from maskaudio.errors import UsageError
from maskaudio.evaluation import speech
from maskaudio.evaluation.recogniser import Phones
from tests.evaluation.clips import manifest, noise, write_clip

TEXTS = ["one dog", "two small cats", "three"]


class Deaf:
    """Hears "one dog" in everything."""

    name, rate = "deaf", 16000

    def expected(self, text):
        return text

    def hear(self, wave):
        return "one dog"

    def errors(self, expected, heard):
        return {"wer": (float(len(set(expected.split()) - set(heard.split()))), float(len(expected.split())))}


@pytest.fixture
def deaf(monkeypatch):
    """No recogniser, and no scorer that takes its time."""
    monkeypatch.setattr(speech, "make_ear", lambda *_: Deaf())
    monkeypatch.setattr(speech, "_cleanness", lambda missing: lambda wave: {})


def rows(folder, **more):
    names = [write_clip(folder / f"{i}.wav", noise(i)) for i in range(3)]
    return [{"file": n, "text": t, **more} for n, t in zip(names, TEXTS, strict=True)]


def test_figures_are_of_the_whole_set_with_ceiling_and_floor(deaf, tmp_path):
    made = rows(tmp_path)
    made[0]["reference"] = "0.wav"
    seen = []
    report = speech.evaluate_speech(
        manifest(tmp_path, made), watch=lambda done, total: seen.append((done, total))
    ).report
    clips, ceiling, floor = (report.figures[c] for c in ("clips", "ceiling", "floor"))
    assert clips["wer"].value == 4 / 6 and clips["wer"].count == 3
    assert ceiling["wer"].value == 0 and ceiling["wer"].low is None
    assert floor["wer"].value == 4 / 6  # it hears the same whatever is said
    assert clips["seconds"].value == pytest.approx(0.6, abs=1e-3)
    assert [report.clips[i].name for i in report.worst()] == ["1.wav", "2.wav", "0.wav"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_clips_without_a_text_have_no_errors(deaf, tmp_path, caplog):
    made = rows(tmp_path)
    del made[1]["text"]
    report = speech.evaluate_speech(manifest(tmp_path, made)).report
    assert report.figures["clips"]["wer"].value == 1 / 3 and report.figures["clips"]["wer"].count == 2
    assert report.figures["floor"]["wer"].count == 2 and report.figures["clips"]["seconds"].count == 3
    assert "without a text, so without errors: 1" in caplog.text
    for row in made:
        row.pop("text", None)
    silent = speech.evaluate_speech(manifest(tmp_path, made)).report
    assert "wer" not in silent.measures and "recogniser" not in silent.tools


def test_silence_counts_frames_40_db_under_the_loudest():
    wave = np.concatenate([np.full(8000, 0.5), np.full(4000, 0.004), np.zeros(4000)]).astype(np.float32)
    assert speech.silence(wave) == 0.5
    assert speech.silence(np.zeros(1600, np.float32)) == 1


def test_a_missing_scorer_is_named_and_its_figures_stay_empty(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(speech, "make_ear", lambda *_: Deaf())
    for module in ("resemblyzer", "speechmos.dnsmos"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    report = speech.evaluate_speech(manifest(tmp_path, rows(tmp_path, voice="0.wav"))).report
    assert "similarity" in report.missing and "ovrl" in report.missing
    assert "pip install --no-deps Resemblyzer" in caplog.text and "maskaudio[eval]" in caplog.text
    table = {row[0]: row[1:] for row in report.table()}
    assert table["DNSMOS overall (1–5, higher is better)"] == ["–", "–"]


def test_a_text_that_says_nothing_is_refused(tmp_path):
    pytest.importorskip("jiwer")
    made = rows(tmp_path)
    made[1]["text"] = "!!!"
    with pytest.raises(UsageError, match="line 2: text '!!!' holds nothing to say"):
        speech.evaluate_speech(manifest(tmp_path, made))


def test_voices_are_compared_with_their_own_and_with_strangers(tmp_path):
    pytest.importorskip("resemblyzer")
    names = {s: write_clip(tmp_path / f"{s}.wav", noise(i, 2.0)) for i, s in enumerate(("ada", "ben"))}
    made = [{"file": n, "text": "x", "voice": n, "speaker": s} for s, n in names.items()]
    cases = speech.read_cases(manifest(tmp_path, made), "speech")
    voices = speech.Voices(cases, "cpu", {})
    own, strangers = voices.compare(cases[0], cases[0].wave(speech.RATE))
    assert own["similarity"][0] == pytest.approx(1, abs=1e-5) and own["own_voice"] == (1, 1)
    assert strangers["similarity"][0] < own["similarity"][0]
    assert voices.compare(cases[0], np.zeros(16000, np.float32)) == ({}, {})


def test_our_tokeniser_hears_more_phones_in_speech_than_in_noise(tmp_path):
    pytest.importorskip("jiwer")
    import maskaudio

    text = "The weather is nice today."
    said = maskaudio.speak(text, voice="ada", seed=1, device="cpu")
    ear = Phones({})
    expected = ear.expected(text)
    errors = [ear.errors(expected, ear.hear(w))["per"] for w in (said.samples[0], noise(0, 1).astype("f4"))]
    assert errors[0][0] / errors[0][1] < 0.4 < errors[1][0] / errors[1][1]
