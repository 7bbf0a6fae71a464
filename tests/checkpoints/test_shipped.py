"""The models in the box: weights, recipes and cards tell the same story."""

import json
import re
from pathlib import Path

import pytest

from maskaudio.checkpoints.voices import voice_files
from maskaudio.codec.load import load_codec, load_tokeniser
from maskaudio.config import from_dict, to_dict
from maskaudio.decoding.plan import Plan, even_plan
from maskaudio.pipelines.sound_model import load
from maskaudio.pipelines.speech_model import load as load_speech
from maskaudio.text.phones import LANGUAGES
from maskaudio.training.recipe import CodecRecipe, SoundRecipe, SpeechRecipe, TokeniserRecipe, read_recipe
from maskaudio.training.sound import new_network
from maskaudio.training.speech import new_network as new_speech_network

MODELS = Path(__file__).resolve().parents[2] / "models"


def said(name):
    """config.json as a table."""
    return json.loads((MODELS / name / "config.json").read_text())


def from_json(config):
    """A config as JSON would give it back: tuples are lists there."""
    return json.loads(json.dumps(to_dict(config)))


def test_the_codec_has_the_shape_of_its_recipe():
    recipe = read_recipe(CodecRecipe, MODELS / "codec" / "recipe.yaml")
    assert from_json(recipe.model) == said("codec")["config"]
    assert recipe.about.items() <= said("codec")["about"].items()


def test_the_models_of_bands_have_the_shape_of_their_recipes_and_go_together():
    recipe = read_recipe(CodecRecipe, MODELS / "bands" / "recipe.yaml")
    assert from_json(recipe.bands) == said("bands")["config"]
    assert recipe.about.items() <= said("bands")["about"].items()
    recipe, codec = read_recipe(SoundRecipe, MODELS / "sound-bands" / "recipe.yaml"), load_codec("bands")
    assert from_json(new_network(recipe, codec).config) == said("sound-bands")["config"]
    assert recipe.about.items() <= said("sound-bands")["about"].items()
    assert load("sound-bands").codec.hash == codec.hash == said("sound-bands")["codec_hash"]
    assert from_dict(Plan, said("sound-bands")["plan"]) == even_plan(codec.streams, recipe.span)


def test_the_box_stays_small():
    assert sum(p.stat().st_size for p in MODELS.rglob("*") if "__pycache__" not in p.parts) <= 80e6


def test_the_sound_model_has_the_shape_of_its_recipe_and_goes_with_the_codec():
    recipe = read_recipe(SoundRecipe, MODELS / "sound" / "recipe.yaml")
    network, codec = new_network(recipe, load_codec("codec")), load_codec("codec")
    assert from_json(network.config) == said("sound")["config"]
    assert recipe.about.items() <= said("sound")["about"].items()
    assert load("sound").codec.hash == codec.hash == said("sound")["codec_hash"]


def test_the_speech_models_have_the_shape_of_their_recipes_and_go_together():
    recipe = read_recipe(TokeniserRecipe, MODELS / "speech-tokens" / "recipe.yaml")
    assert from_json(recipe.model) == said("speech-tokens")["config"]
    recipe = read_recipe(SpeechRecipe, MODELS / "speech" / "recipe.yaml")
    codec, tokeniser = load_codec(recipe.codec), load_tokeniser(recipe.tokens)
    for shaped in (recipe, read_recipe(SpeechRecipe, MODELS / "speech" / "finetune.yaml")):
        assert from_json(new_speech_network(shaped, codec, tokeniser).config) == said("speech")["config"]
    assert recipe.about.items() <= said("speech")["about"].items()
    speech = load_speech("speech")
    assert (speech.codec.hash, speech.tokeniser.hash) == (codec.hash, tokeniser.hash)


def test_every_voice_fits_and_says_what_it_is():
    speech, voices = load_speech("speech"), voice_files(MODELS / "speech")
    assert len(voices) >= 12 and next(iter(voices)) == "ada"
    kinds = set()
    for name in voices:
        about = speech.voice(name).about
        assert about["language"] in LANGUAGES and about["licence"] and about["source"], name
        accent, sex = about["description"].rstrip(",").split()[:2]
        kinds.add((about["language"], sex.rstrip(",")))
        assert accent == {"en-us": "American", "en-gb": "British"}[about["language"]], name
    assert kinds == {(language, sex) for language in LANGUAGES for sex in ("woman", "man")}


@pytest.mark.parametrize("card", sorted(MODELS.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_the_card_is_filled_in_and_its_links_lead_somewhere(card):
    text = card.read_text()
    assert "@" not in text
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (card.parent / link).exists(), link
