"""A sound model from a folder of noise with captions, and what it takes to go on from one."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from maskaudio.checkpoints.folder import read_weights
from maskaudio.checkpoints.registry import read_config
from maskaudio.errors import UsageError
from maskaudio.networks.ranker import RankerConfig
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.training.recipe import Data, Phase, RankerPhase, SoundRecipe
from maskaudio.training.sound import train_sound
from maskaudio.training.trainer import Schedule
from tests.tiny import tiny_codec_model

BRIEF = Schedule(steps=3, warmup=1, validate_every=3)
PRIOR = Phase(steps=3, warmup=1, validate_every=3, batch=4, seconds=1.0)
RANKER = RankerPhase(steps=3, warmup=1, validate_every=3, batch=4, seconds=1.0, model=RankerConfig(8, 1))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Noise of 2 to 4 seconds, and what is heard beside every clip."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for number in range(8):
        soundfile.write(folder / f"{number}.wav", 0.1 * rng.standard_normal(24000 * (2 + number % 3)), 24000)
        (folder / f"{number}.txt").write_text("rain falling" if number % 2 else "a dog barking")
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return SoundRecipe(
        BRIEF,
        PRIOR,
        BRIEF,
        RANKER,
        codec=str(tiny_codec_model(tmp_path_factory.mktemp("codec"))),
        transformer={"dim": 32, "layers": 2, "heads": 2, "neighbours": 4, "dropout": 0.0},
        text=TextConfig(dim=16, layers=1, heads=2, dropout=0.0),
        frames=200,
        first=0.7,
        mixes=2,
        data=Data(valid_share=0.25),
    )


@pytest.fixture(scope="module")
def model(recipe, recordings, tmp_path_factory):
    """The folder of a model trained from nothing."""
    return train_sound(recipe, [recordings], tmp_path_factory.mktemp("run"), device="cpu")


def test_a_recipe_goes_on_from_a_model(model, recipe, recordings, tmp_path):
    again = train_sound(recipe, [recordings], tmp_path, device="cpu", start=str(model))
    before, after = read_weights(model), read_weights(again)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-4)}
    assert any(name.startswith("transformer.layers.") for name in changed)
    assert any(name.startswith("ranker.") for name in changed)
    assert any(name.startswith("transformer.critic.") for name in changed)
    assert not any(name.startswith(("text.", "transformer.prior.")) for name in changed)
    assert not (tmp_path / "prior").exists(), "that lesson is learned already"
    assert read_config(again)["config"] == read_config(model)["config"]


def test_lessons_that_the_recipe_leaves_out_are_kept(model, recipe, recordings, tmp_path):
    short = replace(recipe, prior=None, critic=None, ranker=None)
    again = train_sound(short, [recordings], tmp_path, device="cpu", start=str(model))
    before, after = read_weights(model), read_weights(again)
    assert before.keys() == after.keys()
    assert all(
        torch.allclose(after[name], before[name], atol=1e-4)
        for name in before
        if name.startswith(("text.", "ranker.", "transformer.prior.", "transformer.critic."))
    )


def test_a_model_of_another_shape_or_codec_is_refused(model, recipe, recordings, tmp_path):
    wider = replace(recipe, transformer=recipe.transformer | {"dim": 64})
    fewer = replace(recipe, streams=2)
    ranker = replace(recipe, ranker=replace(RANKER, model=RankerConfig(16, 1)))
    text = replace(recipe, text=replace(recipe.text, layers=2))
    torch.manual_seed(1)
    for other, says in (
        (wider, "transformer .*dim 32, not 64"),
        (fewer, "streams 3, not 2"),
        (ranker, "ranker .*dim 8, not 16"),
        (text, "text .*layers 1, not 2"),
        (replace(recipe, words="sound"), "words"),
        (replace(recipe, codec="codec"), "codec"),
    ):
        with pytest.raises(UsageError, match=says):
            train_sound(other, [recordings], tmp_path / "run", device="cpu", start=str(model))
    with pytest.raises(UsageError, match="sound model is needed"):
        train_sound(recipe, [recordings], tmp_path / "run", device="cpu", start=recipe.codec)


def test_later_streams_are_guided_less_than_the_first(model):
    assert [stage["guidance"] for stage in read_config(model)["plan"]["stages"]] == [3.0, 2.0, 2.0]


def test_the_first_stream_gets_its_share():
    with pytest.raises(UsageError, match="first: 0"):
        SoundRecipe(BRIEF, first=0.0)
