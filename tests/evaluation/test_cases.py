"""Rows of manifests: columns, files, and one line about what is wrong."""

import pytest

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.evaluation.cases import another, read_cases
from tests.evaluation.clips import manifest, noise, write_clip


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "voice.wav"):
        write_clip(tmp_path / name, noise(1))
    return tmp_path


def test_paths_begin_at_the_manifest_and_a_prompt_may_be_a_voice(folder):
    row = {"file": "a.wav", "text": "hello", "prompt": "voice.wav", "speaker": "ada"}
    (case,) = read_cases(manifest(folder, [row]), "speech")
    assert case.file == folder / "a.wav" and case.voice == folder / "voice.wav"
    assert (case.asked, case.speaker, case.line) == ("hello", "ada", 1)
    assert len(case.wave(16000)) == 9600


def test_csv_labels_and_what_is_not_used(folder, caplog):
    path = folder / "s.csv"
    path.write_text("file,prompt,labels,mood\na.wav,a dog in the rain,dog; rain,sad\n")
    (case,) = read_cases(path, "sound")
    assert case.labels == ("dog", "rain") and case.asked == "a dog in the rain"
    assert "not used: mood" in caplog.text


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"text": "hello"}, "'file' is empty"),
        ({"file": "none.wav", "text": "x"}, "none.wav: no such file"),
        ({"file": "a.wav", "text": "x", "prompt": "a happy voice"}, "prompt: for speech"),
        ({"file": "a.wav", "text": "x", "reference": "gone.wav"}, "gone.wav: no such file"),
        ({"file": "empty.wav", "text": "x"}, "empty.wav: the file is empty"),
        ({"file": "noise.wav", "text": "x"}, "not readable as audio"),
        ({"file": "nan.wav", "text": "x"}, "NaN"),
        ({"file": "click.wav", "text": "x"}, "too short"),
        ({"file": ["a", "b"], "text": "x"}, "file: give a text"),
    ],
)
def test_a_bad_row_is_named(folder, row, says):
    import numpy as np
    import soundfile

    (folder / "empty.wav").write_bytes(b"")
    (folder / "noise.wav").write_bytes(b"no audio at all")
    soundfile.write(folder / "nan.wav", np.full(4800, np.nan, np.float32), 24000, "FLOAT")
    write_clip(folder / "click.wav", noise(0, 0.01))
    rows = [{"file": "a.wav", "text": "fine"}, row]
    with pytest.raises(MaskaudioError, match=says) as found:
        read_cases(manifest(folder, rows), "speech")
    assert str(found.value).startswith("line 2: ")


def test_a_list_of_words_is_no_manifest(folder):
    with pytest.raises(UsageError, match=r"\.csv, \.tsv or \.jsonl"):
        read_cases(manifest(folder, [{}], "words.txt"), "speech")


def test_another_is_one_of_whom_something_else_was_asked():
    assert another(["a", "b", "c"]) == [1, 2, 0]
    assert another(["a", "a", "b", "b"], 2) == [2, 3, 0, 1]
    assert another(["a", "a", "b"]) == [2, 2, 0]
    assert another(["a", "a"]) is None
