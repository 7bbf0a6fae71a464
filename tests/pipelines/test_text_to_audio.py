"""The library's generate: what it gives back, what it refuses, and what a model folder must hold together."""

import json
import logging
import shutil

import numpy as np
import pytest

import maskaudio
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.pipelines import sound_model
from tests.tiny import tiny_sound_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sound_model(tmp_path_factory.mktemp("models") / "sound")


@pytest.fixture
def changed(model, tmp_path):
    """changed(key, value) → a copy of the model with that in its config.json (None takes the key away)."""

    def changed(key, value):
        folder = tmp_path / "changed"
        shutil.copytree(model, folder)
        table = json.loads((folder / "config.json").read_text()) | {key: value}
        if value is None:
            del table[key]
        (folder / "config.json").write_text(json.dumps(table))
        return folder

    return changed


def test_a_list_gives_a_list_and_every_item_its_own_seed(model):
    one, two = maskaudio.generate(["rain", "a dog"], duration=0.5, seed=[3, 4], model=model)
    assert one.samples.shape == two.samples.shape == (1, 12000)
    assert (one.tags["seed"], two.tags["seed"]) == ("3", "4")
    alone = maskaudio.generate("a dog", duration=0.5, seed=4, model=model)
    near = 1e-4 * np.abs(alone.samples).max()
    assert np.allclose(alone.samples, two.samples, atol=near), "neighbours in a batch do not matter"
    other = maskaudio.generate("a dog", duration=0.5, seed=5, model=model)
    assert not np.allclose(alone.samples, other.samples, atol=1e-3)


def test_the_text_and_the_negative_one_are_heard(model):
    def made(text, **settings):
        return maskaudio.generate(text, duration=0.5, seed=1, model=model, **settings).samples

    rain = made("rain")
    assert not np.array_equal(rain, made("dog"))
    assert not np.array_equal(rain, made("rain", negative="wind"))


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"prompt": "\udce4"}, "UTF-8"),
        ({"duration": 1e-6}, "one sample"),
        ({"negative": "wind", "guidance": 1.0}, "guidance"),
        ({"seed": [1, 2]}, "2 seeds for 1"),
        ({"candidates": 0}, "candidates 0"),
        ({"candidates": 65}, "from 1 to 64"),
        ({"critic": True}, "critic: .* has none"),
        ({"hybrid_seconds": -1.0}, "hybrid-seconds"),
        ({"hybrid_seconds": float("nan")}, "hybrid-seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(model, settings, says):
    with pytest.raises(UsageError, match=says):
        maskaudio.generate(**({"prompt": "rain", "model": model} | settings))


def test_of_several_candidates_the_one_that_fits_best_is_kept(model, monkeypatch):
    sound = sound_model.load(model, "cpu")
    heard, own = [], sound.network.fits

    def fits(codes, *text):
        heard.append((codes, own(codes, *text)))
        return heard[-1][1]

    monkeypatch.setattr(sound.network, "fits", fits)
    prompts, seeds = ["rain", "a dog"], [1, 2]
    made = maskaudio.generate(prompts, duration=0.5, seed=seeds, model=model, candidates=3)
    codes, fit = heard[0]
    assert codes.shape[0] == 6 and len({tuple(c.flatten().tolist()) for c in codes}) == 6
    for i, clip in enumerate(made):
        best = codes[3 * i + int(fit[3 * i : 3 * i + 3].argmax())]
        wave = sound.codec.decode(best[None])[0, :, :12000].detach().numpy()
        assert np.allclose(clip.samples, wave, atol=2e-3 * np.abs(wave).max())
    first = maskaudio.generate("rain", duration=0.5, seed=1, model=model, candidates=1)
    wave = sound.codec.decode(codes[:1])[0, :, :12000].detach().numpy()
    assert np.allclose(first.samples, wave, atol=2e-3 * np.abs(wave).max()), "the first has the seed itself"

    monkeypatch.setattr(sound.network, "ranker", None)
    with pytest.raises(UsageError, match="no ranker"):
        maskaudio.generate("rain", duration=0.5, model=model, candidates=2)


def test_a_beginning_from_left_to_right(model):
    def made(seconds):
        return maskaudio.generate("rain", duration=0.8, seed=1, model=model, hybrid_seconds=seconds).samples

    assert np.array_equal(made(0.4), made(0.4)) and not np.array_equal(made(0.0), made(0.4))
    assert np.array_equal(made(0.8), made(8.0)), "no more than there is"


def test_a_span_longer_than_the_clip_is_the_whole_clip(model):
    whole = maskaudio.generate("rain", duration=0.4, seed=1, model=model, span=10)
    longer = maskaudio.generate("rain", duration=0.4, seed=1, model=model, span=10**9)
    assert np.array_equal(whole.samples, longer.samples)


def test_an_unfamiliar_prompt_is_tried_with_a_warning(model, caplog):
    logging.getLogger("maskaudio").propagate = True
    maskaudio.generate("quarterly tax declaration", duration=0.2, seed=1, model=model)
    assert "may not know" in caplog.text and ("rain falling" in caplog.text or "a dog" in caplog.text)
    caplog.clear()
    maskaudio.generate("rain falling", duration=0.2, seed=1, model=model)
    assert "may not know" not in caplog.text


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("codec_hash", "0123456789ab", "train the model again"),
        ("codec", None, "missing field 'codec'"),
        ("described", None, "missing field 'described'"),
        ("described", {}, "describes nothing"),
        ("plan", {"stages": [{"steps": 3}] * 2}, "do not fit"),
        ("plan", {"stages": [{"steps": 3}] * 3, "schedule": "foo"}, "schedule 'foo'"),
        ("plan", {"stages": [{"steps": 0}] * 3}, "a step for every stream"),
        ("plan", {"stages": [{"steps": 3}] * 3, "span_length": 0}, "spans of 1 frame"),
    ],
)
def test_a_damaged_config_is_refused_in_words(changed, key, value, says):
    with pytest.raises(MaskaudioError, match=says):
        sound_model.load(changed(key, value))


def test_a_second_model_has_a_say_if_it_knows_the_same_tokens(model):
    def made(**settings):
        return maskaudio.generate("rain", duration=1.0, seed=1, model=model, steps=8, **settings).samples

    alone = made()
    assert np.array_equal(alone, made(rescore=model, rescore_weight=1.0))
    with pytest.raises(UsageError, match="rescore-weight"):
        made(rescore=model, rescore_weight=2.0)
    with pytest.raises(UsageError, match="other tokens"):
        made(rescore="sound")
