"""Every kind of data a user may have, and what is refused."""

import io
import json
import tarfile

import numpy as np
import pytest
import soundfile

from maskaudio.errors import UsageError
from maskaudio.training.clips import Refused, find_clips
from maskaudio.training.recipe import CodecRecipe, Data, read_recipe, recipe_clips
from maskaudio.training.store import store_audio, store_splits


def tone(path_or_file, seconds=1.0, rate=24000, **kwargs):
    wave = 0.3 * np.sin(np.arange(int(seconds * rate)) * 0.05)
    soundfile.write(path_or_file, wave, rate, **kwargs)


def test_a_folder_with_texts_beside_the_audio(tmp_path):
    tone(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("a tone\na beep\n")
    (tmp_path / "deep").mkdir()
    tone(tmp_path / "deep" / "b.flac")
    (tmp_path / "notes.md").write_text("not audio")
    clips, refused = find_clips(tmp_path, valid_share=0)
    assert [c.name for c in clips] == ["a.wav", "deep/b.flac"] and not refused
    assert clips[0].captions == ("a tone", "a beep") and clips[1].captions == ()


def test_manifests_and_what_they_get_wrong(tmp_path):
    tone(tmp_path / "a.wav")
    rows = [
        '{"file": "a.wav", "captions": ["x"], "split": "valid"}',
        "{cut",
        '{"text": "no file"}',
        '{"file": "b.wav"}',
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(rows))
    clips, refused = find_clips(tmp_path / "m.jsonl")
    assert [(c.name, c.split) for c in clips] == [("a.wav", "valid")]
    assert [r.reason.split(":")[0] for r in refused] == ["not JSON", "no field 'file'", "b.wav is missing"]
    (tmp_path / "m.csv").write_text("file,text\na.wav,a tone\n")
    clips, _ = find_clips(tmp_path / "m.csv", valid_share=0)
    assert clips[0].captions == ("a tone",)


def test_shards(tmp_path):
    buffer = io.BytesIO()
    tone(buffer, format="OGG")
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        info = tarfile.TarInfo("x.ogg")
        info.size = buffer.getbuffer().nbytes
        buffer.seek(0)
        tar.addfile(info, buffer)
    row = {"file": "x.ogg", "shard": "s.tar", "captions": ["x"], "permissive": False}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    clips, _ = find_clips(tmp_path, valid_share=0)
    store, refused = store_audio(clips, tmp_path / "cache", 24000)
    assert store.seconds == pytest.approx([1.0], abs=0.01) and not refused
    again, _ = store_audio(clips, tmp_path / "cache", 24000)
    assert np.array_equal(again.wave(0), store.wave(0))
    kept, left_out = recipe_clips(Data(without={"permissive": False}), [tmp_path])
    assert not kept and left_out == [Refused("x.ogg", "left out by the recipe: permissive=False")]


def test_bad_audio_is_refused_with_its_reason(tmp_path):
    (tmp_path / "text.wav").write_text("not audio at all")
    tone(tmp_path / "short.wav", seconds=0.1)
    soundfile.write(tmp_path / "nan.wav", np.full(24000, np.nan), 24000, subtype="FLOAT")
    soundfile.write(tmp_path / "silent.wav", np.zeros(24000), 24000)
    tone(tmp_path / "fine.wav", rate=16000)
    clips, _ = find_clips(tmp_path, valid_share=0)
    store, refused = store_audio(clips, tmp_path / "cache", 24000)
    assert [c.name for c in store.clips] == ["fine.wav"] and store.seconds[0] == pytest.approx(1.0, abs=0.01)
    reasons = {r.name: r.reason for r in refused}
    assert "not readable" in reasons["text.wav"] and "NaN" in reasons["nan.wav"]
    assert reasons["silent.wav"] == "silent" and "shorter" in reasons["short.wav"]


def test_texts_and_manifests_in_other_encodings(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in "ab":
        tone(tmp_path / "folder" / f"{name}.wav")
    (tmp_path / "folder" / "a.txt").write_bytes("ein Glöckchen".encode("latin-1"))
    clips, refused = find_clips(tmp_path / "folder", valid_share=0)
    assert [c.name for c in clips] == ["b.wav"] and "UTF-8" in refused[0].reason
    tone(tmp_path / "a.wav")
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbffile,text\na.wav,a tone\n")  # as a spreadsheet saves it
    assert find_clips(tmp_path / "m.csv", valid_share=0)[0][0].captions == ("a tone",)
    (tmp_path / "l.csv").write_bytes("file,text\na.wav,Glöckchen\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"l\.csv: not UTF-8"):
        find_clips(tmp_path / "l.csv")


@pytest.mark.parametrize("fields", [{"file": 3}, {"captions": [3]}, {"split": 1}, {"shard": ["s.tar"]}])
def test_fields_that_are_not_text(tmp_path, fields):
    tone(tmp_path / "a.wav")
    (tmp_path / "m.jsonl").write_text(json.dumps({"file": "a.wav", "captions": ["x"]} | fields))
    clips, refused = find_clips(tmp_path / "m.jsonl")
    assert not clips and len(refused) == 1


def test_shards_that_do_not_hold_what_they_should(tmp_path):
    with tarfile.open(tmp_path / "s.tar", "w"):
        pass
    (tmp_path / "t.tar").write_bytes(b"no tar" * 200)
    rows = [{"file": "x.ogg", "shard": shard} for shard in ("s.tar", "t.tar")]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    store, refused = store_audio(find_clips(tmp_path)[0], tmp_path / "cache", 24000)
    assert not store.clips and len(store.samples) == 0
    assert "not in s.tar" in refused[0].reason and "t.tar is not a tar" in refused[1].reason


def test_two_captioned_rows_of_one_file_stay_two_clips(tmp_path):
    tone(tmp_path / "a.wav")
    rows = [{"file": "a.wav", "captions": [text], "split": "train"} for text in ("one", "two")]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for _ in range(2):  # the second time from the cache
        store, _ = store_audio(find_clips(tmp_path / "m.jsonl")[0], tmp_path / "cache", 24000)
        assert [c.captions for c in store.clips] == [("one",), ("two",)]


def test_the_cache_follows_its_files(tmp_path):
    folder, cache = tmp_path / "sounds", tmp_path / "cache"
    folder.mkdir()
    tone(folder / "a.wav")
    store_audio(find_clips(folder)[0], cache, 24000)
    tone(folder / "a.wav", seconds=2.0)
    assert store_audio(find_clips(folder)[0], cache, 24000)[0].seconds[0] == pytest.approx(2.0)
    (cache / "audio.json").write_text('{"sample_rate": 24')  # a kill in the middle
    assert store_audio(find_clips(folder)[0], cache, 24000)[0].seconds[0] == pytest.approx(2.0)


def test_a_small_folder_keeps_a_clip_for_validation(tmp_path):
    for name in "abc":
        tone(tmp_path / f"{name}.wav")
    (tmp_path / "a.txt").write_text("a tone")
    clips, _ = recipe_clips(Data(valid_share=0.0), [tmp_path])
    assert [c.split for c in clips] == ["train", "train", "valid"]
    clips, refused = recipe_clips(Data(valid_share=0.0), [tmp_path], captioned=True)
    assert [c.name for c in clips] == ["a.wav"] and {r.reason for r in refused} == {"no caption"}
    with pytest.raises(UsageError, match="no clip is left to validate on"):
        store_splits(clips, tmp_path / "cache", 24000)


def test_nothing_there(tmp_path):
    with pytest.raises(UsageError, match="no audio found"):
        find_clips(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        find_clips(tmp_path / "missing")


@pytest.mark.parametrize(
    "change, says", [("tokens.lr.x=3", "has no fields"), ("tokens=[1", "not YAML"), ("tokens", "key=value")]
)
def test_changes_that_do_not_fit(tmp_path, change, says):
    path = tmp_path / "r.yaml"
    path.write_text("tokens: {steps: 1, lr: 0.1}\nwaves: {steps: 1}\n")
    with pytest.raises(UsageError, match=says):
        read_recipe(CodecRecipe, path, [change])


def test_recipes_name_what_is_wrong(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("tokens: {steps: 5}\nwaves: {steps: 7, batch: 2}\n")
    assert read_recipe(CodecRecipe, path, ["tokens.lr=3e-4"]).tokens.lr == 3e-4
    recipe = read_recipe(CodecRecipe, path, ["tokens.lr=0.5", "model.streams=3"])
    assert recipe.tokens.lr == 0.5 and recipe.model.streams == 3 and recipe.waves.batch == 2
    with pytest.raises(UsageError, match="key=value"):
        read_recipe(CodecRecipe, path, ["tokens"])
    with pytest.raises(Exception, match="unknown field 'speed'"):
        read_recipe(CodecRecipe, path, ["waves.speed=1"])
    path.write_text("tokens: [")
    with pytest.raises(UsageError, match="not YAML"):
        read_recipe(CodecRecipe, path)
