"""Networks in bfloat16 answer as in float32; what is quick at it computes so unless told."""

import numpy as np
import pytest
import torch

import maskaudio
from maskaudio.devices import quick_dtype
from maskaudio.errors import UsageError
from maskaudio.pipelines import sound_model, speech_model
from tests.tiny import tiny_sound_model, tiny_speech_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sound_model(tmp_path_factory.mktemp("models") / "sound")


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    return tiny_speech_model(tmp_path_factory.mktemp("models") / "speech")


def test_the_shipped_network_in_bfloat16_gives_the_same_answers():
    exact = sound_model.load("sound", "cpu", "float32")
    coarse = sound_model.load("sound", "cpu", "bfloat16")
    condition = exact.condition(["a dog barking in a yard"])
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, exact.codec.vocab, (1, exact.transformer.streams, 100), generator=generator)
    every = torch.ones(1, 100, dtype=torch.bool)
    with torch.inference_mode():
        for stage in range(exact.transformer.stages):
            codes[:, stage:] = exact.transformer.vocab
            told = codes, stage, condition, every
            want, got = (m.transformer.logits(*told) for m in (exact, coarse))
            assert got.dtype == torch.float32
            assert (got - want).abs().max() < 0.01 * want.abs().max()
            assert (got.argmax(-1) == want.argmax(-1)).float().mean() > 0.95


def test_the_processor_decides_unless_told(model, speech):
    usual = getattr(torch, quick_dtype("cpu"))
    assert sound_model.load(model).transformer.computes == usual
    loaded = speech_model.load(speech)
    assert loaded.network.semantic.computes == loaded.network.acoustic.computes == usual
    assert speech_model.load(speech, "cpu", quick_dtype("cpu")) is loaded
    assert sound_model.load(model, "cpu", "float32").transformer.computes == torch.float32


def test_a_seed_gives_the_same_sound_in_either(model):
    for dtype in ("float32", "bfloat16"):
        one, other = (
            maskaudio.generate("rain", duration=0.5, seed=1, model=model, dtype=dtype).samples for _ in "ab"
        )
        assert np.array_equal(one, other)


def test_other_numbers_are_refused(model, speech):
    with pytest.raises(UsageError, match="dtype int8"):
        maskaudio.generate("rain", duration=0.5, model=model, dtype="int8")
    with pytest.raises(UsageError, match="dtype int8"):
        maskaudio.speak("Hello.", model=speech, dtype="int8")


def test_the_usual_precision_by_name_is_the_same_model_in_memory():
    assert sound_model.load("sound", dtype=quick_dtype("cpu")) is sound_model.load("sound")
