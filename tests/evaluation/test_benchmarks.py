"""The benchmarks themselves, mostly with no model: prompts, tables and the counting behind them."""

import json

import numpy as np
import pytest
import soundfile

from benchmarks import copies, familiar, sound
from benchmarks.corpus import find, kind, waves
from benchmarks.judge import JUDGE
from maskaudio.errors import UsageError
from maskaudio.evaluation.captions import words
from maskaudio.evaluation.judge import load_judge
from maskaudio.pipelines.sound_model import load

GROUPS = json.loads(sound.PROMPTS.read_text(encoding="utf-8"))


@pytest.fixture
def corpus(tmp_path):
    """Noise for 'rain' and a tone for 'beep', two clips of each, one of them for validation."""
    rng = np.random.default_rng(0)
    rows = []
    for i, label in enumerate(["rain", "beep", "rain", "beep"]):
        time = np.arange(48000) / 24000
        wave = (
            0.1 * rng.standard_normal(48000) if label == "rain" else np.sin(6000 * time) * (time % 0.5 < 0.2)
        )
        soundfile.write(tmp_path / f"{i}.wav", wave, 24000)
        split = "train" if i < 2 else "valid"
        row = {"file": f"{i}.wav", "captions": [f"the {label}"], "label": label, "labels": [label]}
        rows.append(row | {"split": split, "tags": ["synthetic"], "permissive": True})
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path


def test_prompts_are_enough_and_each_expects_labels_the_judge_knows():
    assert len(GROUPS["unseen"]) >= 80 and len(GROUPS["two"]) >= 30 and len(GROUPS["manner"]) >= 20
    known = set(load_judge(JUDGE).labels)
    for name, rows in GROUPS.items():
        for row in rows:
            assert {label for event in row["events"] for label in event} <= known, row
            assert len(row["events"]) == (2 if name == "two" else 1), row
    prompts = [row["prompt"] for rows in GROUPS.values() for row in rows]
    assert len(set(prompts)) == len(prompts)


def test_prompts_with_an_unseen_word_do_not_name_their_label():
    for row in GROUPS["unseen"]:
        named = {w for event in row["events"] for label in event for w in words(label)}
        assert any(w.startswith(row["key"]) for w in words(row["prompt"])), row
        assert not named & set(words(row["prompt"])), row


def test_a_seen_key_word_is_refused(corpus):
    table = corpus / "metadata.jsonl"
    assert sound.read_prompts(find([corpus])) == GROUPS
    table.write_text(table.read_text().replace("the rain", "a hound in the rain"))
    with pytest.raises(UsageError, match="hound"):
        sound.read_prompts(find([corpus]))


def test_words_swapped_in_during_training_stand_apart():
    groups = sound.split_unseen(GROUPS, {"puppy", "cicadas"})
    assert [row["key"] for row in groups["swapped"]] == ["puppy", "cicada"]
    assert len(groups["unseen"]) == len(GROUPS["unseen"]) - 2
    assert groups["two"] == GROUPS["two"]


def test_covered_prompts_are_rarely_warned_of_and_senseless_ones_mostly():
    model = load("sound")
    asked = json.loads(familiar.PROMPTS.read_text())["test"]
    assert len(familiar.warned_of(model, asked["covered"])) <= 3
    assert len(familiar.warned_of(model, asked["no sound"])) >= 10


def test_events_are_counted_one_by_one():
    heard = sound.Heard("a dog in the rain", [["dog"], ["rain", "stream"]], ["stream", "wind", "cat"])
    assert heard.share(1) == heard.share(5) == 0.5
    assert heard.share(5, [["wind"]]) == 1


def test_the_whole_road_with_real_clips_in_place_of_a_model(corpus, tmp_path):
    clips = find([corpus])
    judge = load_judge(JUDGE)
    originals = sound.one_clip_a_label(clips, ["beep", "rain"])
    assert [c.split for c in originals.values()] == ["valid", "valid"]
    assert {kind(c) for c in originals.values()} == {"procedural"}
    train = {c.captions[0]: wave for c, wave in waves(clips) if c.split == "train"}

    def generate(prompts, seeds):
        return [train.get(p, train["the rain"]) for p in prompts]

    prompts = [c.captions[0] for c in originals.values()]
    made = generate(prompts, [1, 2])
    covered = sound.judge_covered(judge, originals, made, lambda wave: wave)
    assert covered["original clips"] == covered["codec resynthesis"]
    assert covered["shuffled prompts"][0].top == covered["generated"][1].top
    assert sound.covered_table(covered).count("\n") == 8
    opened = {"two": sound.judge_open(judge, GROUPS["two"][:4], generate, tmp_path / "two")}
    assert "two events | 4 |" in sound.open_table(opened, {"nearest caption": sound.captions(clips)})
    assert len(list((tmp_path / "two").glob("*.flac"))) == 4

    fresh = [c for c in clips if c.split == "valid"]
    known = [c for c in clips if c.split == "train"]
    result = copies.measure_copies(dict(zip(originals, made, strict=True)), known, fresh, lambda wave: wave)
    assert max(result["generated"]) < 0.1 < max(result["unseen"])
    seeds = copies.measure_seeds(prompts, made, generate, every=1)
    assert max(seeds["two seeds"]) < 0.1
    assert "nearer than the 5th percentile" in copies.copies_table(result, seeds)
