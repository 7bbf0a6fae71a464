"""MaskGCT from text to sound, on a tiny model of random weights: for plumbing, not for ears."""

import shutil

import numpy as np
import pytest
import torch

from maskaudio.audio import Audio
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.pipelines import maskgct, speech
from maskaudio.pipelines.maskgct_model import load
from maskaudio.published.convert import convert
from maskaudio.text.maskgct_phones import phones
from tests.published.maskgct import tiny_published

pytest.importorskip("transformers")
pytest.importorskip("espeakng_loader")
WORDS = "Hello there."


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("maskgct")
    convert(tiny_published(place / "in"), place / "out")
    return place / "out"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 44100)).astype(np.float32)
    return Audio(noise, 44100).save(tmp_path_factory.mktemp("clip") / "voice.wav")


def said(model, clip, text=WORDS, **how):
    asked = {"voice": clip, "voice_text": "Good day.", "model": model, "device": "cpu", "steps": 12} | how
    return list(speech.utterances(text, **asked))


def test_speaks_sentence_by_sentence(model, clip):
    seen = []
    text = "Hello there. How are you? [pause 200ms] Fine!"
    spoken = said(model, clip, text, seed=3, observer=seen.append)
    assert [u.sentence.text for u in spoken] == ["Hello there.", "How are you?", "Fine!"]
    assert [u.sentence.pause for u in spoken] == [0.3, 0.2, 0.0]
    for utterance in spoken:
        assert utterance.audio.sample_rate == 24000
        assert np.isfinite(utterance.audio.samples).all() and np.abs(utterance.audio.samples).max() > 0
        assert utterance.audio.tags["seed"] == "3" and utterance.audio.tags["voice"] == "voice.wav"
    assert len(seen) == 3 * 12


def test_as_long_as_the_clip_s_pace_says(model, clip):
    """The published rule: the clip's seconds, phone for phone, in whole tokens."""
    frames = int((16000 * len(phones(WORDS)) / len(phones("Good day."))) / 16000 * 50)
    heard = load(model).hear_file(clip)
    shift = heard.semantic.shape[1] - heard.acoustic.shape[2]  # as published, the codecs differ by a frame
    (plain,), (fast,) = said(model, clip), said(model, clip, speed=2.0)
    assert plain.audio.samples.shape == (1, 480 * (frames + shift))
    assert fast.audio.samples.shape == (1, 480 * (frames // 2 + shift))
    (exact,) = said(model, clip, duration=1.0)
    assert exact.audio.samples.shape == (1, 480 * (50 + shift))
    whole = said(model, clip, "Hello there. How are you?", duration=2.0)
    assert sum(u.with_pause().shape[1] for u in whole) / 24000 == pytest.approx(2.0, abs=0.1)


def test_the_same_seed_says_the_same(model, clip):
    first, again, other = (said(model, clip, seed=seed)[0].audio.samples for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape == other.shape and not np.array_equal(first, other)


def test_in_half_precision(model, clip):
    (spoken,) = said(model, clip, dtype="bfloat16")
    assert np.isfinite(spoken.audio.samples).all()
    assert load(model, "cpu", "bfloat16").text_to_semantic.to_logit.weight.dtype == torch.bfloat16


def test_steps_keep_their_proportions(model):
    plans = maskgct._plans(load(model), 61, maskgct.Changes())
    assert [s.steps for s in plans[0].stages] == [25]
    assert [s.steps for s in plans[1].stages] == [25, 10, 1]
    few = maskgct._plans(load(model), 4, maskgct.Changes())
    assert [s.steps for plan in few for s in plan.stages] == [1, 1, 1, 1]
    told = maskgct._plans(load(model), [5, 4, 3, 2], maskgct.Changes())
    assert [s.steps for plan in told for s in plan.stages] == [5, 4, 3, 2]


def test_other_languages(model, clip):
    (spoken,) = said(model, clip, "Guten Tag.", language="de", voice_text="Hallo.")
    assert spoken.sentence.text == "Guten Tag." and spoken.audio.duration > 0
    other = {"voice_text": "Guten Tag, schöner Morgen.", "voice_language": "de"}
    (foreign,) = said(model, clip, "Good day.", **other)
    (native,) = said(model, clip, "Good day.", **other | {"voice_language": None})
    assert foreign.audio.duration != native.audio.duration  # other sounds, other counts of them: another pace


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"voice": None}, "clip"),
        ({"voice_text": " "}, "its words"),
        ({"voice": "ada"}, "not a voice by name"),
        ({"language": "zh"}, "en, de, fr, ko"),
        ({"voice_language": "zh"}, "en, de, fr, ko"),
        ({"text": "[[həˈloʊ]]"}, "no phonemes"),
        ({"text": "Tag. [pause 1s] Tag.", "language": "de"}, "English only"),
        ({"text": "?!"}, "nothing to say"),
        ({"text": "?!", "language": "de"}, "nothing to say"),
        ({"voice_text": "?!"}, "no word"),
        ({"duration": -1.0}, "above 0"),
        ({"duration": 60.0}, "at once"),
        ({"duration": 0.001}, "at once"),
        ({"duration": 2.0, "speed": 2.0}, "leave out the speed"),
        ({"speed": 9.0}, "speed"),
        ({"steps": 2}, "4 stages"),
        ({"dtype": "int8"}, "dtype"),
        ({"seed": -1}, "seed"),
        ({"temperature": 99.0}, "temperature"),
    ],
)
def test_what_makes_no_sense_is_refused(model, clip, how, what):
    with pytest.raises(UsageError, match=what):
        said(model, clip, **how)


def test_clips_that_are_no_voice(model, tmp_path):
    for seconds, level, what in ((0.3, 0.1, "0.3 s"), (30.0, 0.1, "30 s"), (2.0, 0.0, "silent")):
        path = Audio(np.full((1, int(16000 * seconds)), level, np.float32), 16000).save(tmp_path / "clip.wav")
        with pytest.raises(UsageError, match=what):
            said(model, path)


def test_a_folder_that_is_none(tmp_path, clip):
    with pytest.raises(MaskaudioError, match="unknown speech model"):
        said(tmp_path / "nowhere", clip)


def test_a_clip_is_heard_once_and_anew_where_it_has_changed(model, tmp_path):
    noise = 0.1 * np.random.default_rng(1).standard_normal((1, 32000)).astype(np.float32)
    path, heard = Audio(noise, 16000).save(tmp_path / "clip.wav"), load(model)
    first = heard.hear_file(path)
    assert heard.hear_file(path) is first
    Audio(noise[:, :24000], 16000).save(path)
    assert heard.hear_file(path).samples == 24000


def test_networks_that_do_not_fit_each_other(model, clip, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    path = folder / "semantic" / "config.json"
    path.write_text(path.read_text().replace('"vocab": 64', '"vocab": 65'))
    with pytest.raises(MaskaudioError, match=r"do not fit .64, 65, 64 semantic tokens"):
        said(folder, clip)
