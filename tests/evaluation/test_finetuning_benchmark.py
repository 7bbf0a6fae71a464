"""Who is trained on, who is compared with, and that they are not the same."""

import json

import numpy as np
import soundfile

from benchmarks import finetuning
from benchmarks.speech import SAMPLE_RATE


def test_only_texts_of_speech_alone_are_read(tmp_path):
    lines = ["; a comment: no", "", "a/b: Say: hello.", "beep: [a tone]", "help: press # now", "bad"]
    (tmp_path / "texts").write_text("\n".join(lines))
    assert finetuning.read_texts(tmp_path / "texts") == {"a/b": "Say: hello."}


def test_clips_to_train_on_are_none_to_compare_with(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    waves = {f"in/{i}": 0.1 * rng.standard_normal(SAMPLE_RATE * (1 + i % 5)) for i in range(80)}
    (tmp_path / "in").mkdir()
    for name in waves:
        (tmp_path / f"{name}.g722").touch()
    monkeypatch.setattr(finetuning, "decode", lambda path: waves[f"in/{path.stem}"])
    monkeypatch.setattr(finetuning, "through_codec", lambda model, wave: wave)
    monkeypatch.setattr(finetuning.speech_model, "load", lambda: None)
    monkeypatch.setattr(finetuning, "TRAINED", 60.0)
    finetuning.split(tmp_path, dict.fromkeys(waves, "Hello."), tmp_path)

    trained = {path.stem for path in (tmp_path / "announcer").glob("*.wav")}
    seconds = sum(soundfile.info(path).duration for path in (tmp_path / "announcer").glob("*.wav"))
    assert 60 <= seconds <= 65 and all((tmp_path / "announcer" / f"{n}.txt").is_file() for n in trained)
    samples = {name: soundfile.read(tmp_path / "announcer" / f"{name}.wav")[0][:100] for name in trained}
    voice = soundfile.read(tmp_path / "voice.wav")[0]
    away = [voice, soundfile.read(tmp_path / "prompt.wav")[0]]
    rows = [json.loads(line) for line in (tmp_path / "held.jsonl").read_text().splitlines()]
    away += [soundfile.read(tmp_path / row["file"])[0] for row in rows]
    assert len(rows) == finetuning.CEILING
    starts = {wave[:100].tobytes() for wave in away} | {
        voice[at : at + 100].tobytes() for at in range(0, len(voice), SAMPLE_RATE)
    }
    assert not starts & {first.tobytes() for first in samples.values()}
