"""A published MAGNeT where a sound model of ours may stand: `generate` and edits."""

import shutil

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from maskaudio import edit, generate
from maskaudio.audio import Audio
from maskaudio.decoding.plan import Changes, make_plan
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.pipelines.magnet_model import load_magnet
from maskaudio.pipelines.sound_model import load
from maskaudio.text.t5 import load_t5
from tests.published.magnet import ROOT, converted, table

FEW = {"temperature": 0.3, "seed": 4}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model folder of the set with its text encoder in it, so that no hub is needed."""
    folder = tmp_path_factory.mktemp("models") / "magnet"
    shutil.copytree(converted(), folder)
    text = folder / table("lm_xp_cfg.yaml")["conditioners"]["description"]["t5"]["name"]
    shutil.copytree(ROOT / "t5", text)
    letters = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {c: i for i, c in enumerate("abcdefghi", 3)}
    tokeniser = Tokenizer(models.WordLevel(letters, unk_token="<unk>"))
    tokeniser.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokeniser.post_processor = processors.TemplateProcessing(single="$0 </s>", special_tokens=[("</s>", 1)])
    (text / "tokenizer.json").unlink(missing_ok=True)
    tokeniser.save(str(text / "tokenizer.json"))
    return folder


@pytest.fixture
def sound(model):
    return load(model, "cpu")


@pytest.fixture
def few(sound):
    """Few steps: what is tested here is not how well it decodes."""
    return FEW | {"steps": [2] * sound.transformer.streams}


def test_a_clip_is_as_long_as_asked_and_the_same_for_a_seed(model, sound, few):
    made = generate("a bad cafe", model=model, duration=0.4, **few)
    assert made.sample_rate == sound.codec.sample_rate
    assert made.samples.shape == (1, round(0.4 * made.sample_rate))
    assert np.isfinite(made.samples).all() and made.samples.std() > 0
    assert np.array_equal(generate("a bad cafe", model=model, duration=0.4, **few).samples, made.samples)
    assert not np.array_equal(generate("abc", model=model, duration=0.4, **few).samples, made.samples)


def test_a_whole_clip_has_whole_spans(model, sound, few):
    """As in audiocraft, which trims: what is left of a span at the end is not made."""
    made = generate("abc", model=model, duration=sound.longest, **few)
    frames = sound.network.config.frames
    whole = frames - frames % sound.plan.span_length
    assert made.samples.shape[1] == whole * sound.codec.sample_rate / sound.codec.frame_rate


def test_frames_cover_what_is_asked_for(sound):
    rate, span = sound.codec.sample_rate / sound.codec.frame_rate, sound.plan.span_length
    most = sound.network.config.frames
    anywhere = make_plan(sound.plan, Changes(sampler="confidence"))
    for frames in range(1, 2 * most):
        samples = round(frames * rate)
        made = sound.frames(samples, sound.plan)
        assert made % span == 0
        assert made >= frames or most - span < made <= frames <= most
        assert sound.frames(samples, anywhere) >= frames


def test_a_prompt_does_not_depend_on_its_neighbours(model, few):
    prompts = ["abc", "a much longer bad cafe indeed"]
    both = generate(prompts, model=model, duration=0.3, **few)
    alone = [generate(prompt, model=model, duration=0.3, **few) for prompt in prompts]
    for one, other in zip(both, alone, strict=True):
        assert np.allclose(one.samples, other.samples, atol=1e-4)


def test_a_negative_prompt_guides(model, few):
    plain = generate("abc", model=model, duration=0.3, **few)
    away = generate("abc", model=model, duration=0.3, negative="bad cafe", **few)
    assert not np.array_equal(plain.samples, away.samples)


def test_longer_than_it_has_met_in_windows(model, sound, few):
    made = generate("abc", model=model, duration=2.5 * sound.longest, **few)
    assert made.duration == pytest.approx(2.5 * sound.longest, abs=1e-3)
    assert np.isfinite(made.samples).all()


def test_edits(model, sound, few):
    rate = 16000
    wave = 0.3 * np.sin(np.arange(rate) * 0.05, dtype=np.float32)[None]
    clip = Audio(wave, rate)
    filled = edit.inpaint(clip, 0.4, 0.6, prompt="abc", model=model, **few)
    assert np.array_equal(filled.samples[:, : int(0.39 * rate)], wave[:, : int(0.39 * rate)])
    assert not np.array_equal(filled.samples, wave)
    assert edit.extend(clip, 0.3, model=model, **few).duration == pytest.approx(1.3, abs=1e-3)
    assert edit.variation(clip, 0.5, prompt="abc", model=model, **few).samples.shape == wave.shape


@pytest.mark.parametrize(
    "asked, named",
    [
        ({"candidates": 3}, "ranker"),
        ({"critic": True}, "critic"),
        ({"hybrid_seconds": 0.2}, "left"),
    ],
)
def test_what_it_cannot_do_is_one_line(asked, named, model, few):
    with pytest.raises(UsageError, match=named) as caught:
        generate("abc", model=model, duration=0.3, **few, **asked)
    assert "\n" not in str(caught.value)


def test_nothing_is_said_of_unfamiliar_prompts(model, few, caplog):
    generate("abc", model=model, duration=0.3, **few)
    assert "may not know" not in caplog.text


def test_our_own_samplers_fill_its_grids(model, few):
    for sampler in ("confidence", "low-discrepancy", "first-hitting"):
        made = generate("abc", model=model, duration=0.3, sampler=sampler, **few)
        assert np.isfinite(made.samples).all()


def test_it_may_have_a_say_in_its_own(model, few):
    few = few | {"rescore": str(model), "sampler": "confidence"}
    made = generate("abc", model=model, duration=0.3, **few)
    assert np.isfinite(made.samples).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, model):
    half = load_magnet(model, "cpu", dtype)
    assert {p.dtype for p in half.network.parameters()} == {getattr(torch, dtype)}
    whole, texts = load_magnet(model, "cpu"), ["abc", "bad cafe"]
    codes = torch.full((2, whole.transformer.streams, 12), whole.transformer.vocab)
    cells = torch.ones(2, 12, dtype=torch.bool)
    with torch.inference_mode():
        near, exact = (
            m.transformer.logits(codes, 0, m.condition(texts), cells).float() for m in (half, whole)
        )
    assert (near - exact).std() < 0.1 * exact.std()
    with pytest.raises(UsageError, match="dtype int8"):
        load_magnet(model, "cpu", "int8")


def test_a_folder_that_does_not_fit_together(model, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    config = (broken / "config.json").read_text()
    for old, new, named in (
        ('"codec": "', '"codecs": "', "codec"),
        ('"plan": {', '"plan": 3, "plans": {', "plan"),
        ('"window"', '"windows"', "windows"),
    ):
        (broken / "config.json").write_text(config.replace(old, new, 1))
        with pytest.raises(MaskaudioError, match=named):
            load_magnet(broken)
    (broken / "config.json").write_text(config)
    (broken / "model.safetensors").write_bytes((broken / "model.safetensors").read_bytes()[:999])
    with pytest.raises(MaskaudioError, match="damaged weights"):
        load_magnet(broken)


def test_a_text_encoder_that_is_damaged_or_not_here(tmp_path, monkeypatch):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(MaskaudioError, match=r"tokenizer\.json"):
        load_t5(str(tmp_path))
    shutil.copyfile(ROOT / "t5" / "config.json", tmp_path / "config.json")
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(MaskaudioError, match="not a whole T5 text encoder") as caught:
        load_t5(str(tmp_path))
    assert "\n" not in str(caught.value)
