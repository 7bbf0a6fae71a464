"""The losses of the codec, and a recipe carried out on noise."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F

from maskaudio.codec.bands import BandsConfig
from maskaudio.codec.load import load_codec
from maskaudio.codec.neural import NeuralCodec
from maskaudio.codec.stft import stft_magnitude
from maskaudio.errors import UsageError
from maskaudio.training.codec import TokenHalf, WaveHalf, apart, missed, train_codec
from maskaudio.training.recipe import CodecRecipe, Phase
from tests.tiny import CODEC


def wave(seed=0, length=9600):
    return 0.1 * torch.randn(2, length, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def half():
    torch.manual_seed(0)
    return WaveHalf(NeuralCodec(CODEC))


def test_true_magnitudes_are_at_no_distance_and_twice_as_loud_ones_at_log_two(half):
    true = wave()
    c = half.codec.config
    exact = stft_magnitude(true, torch.hann_window(c.n_fft), c.hop).transpose(1, 2).clamp(min=1e-2).log()
    home = apart(exact, half.log_magnitude(true))
    assert home["level"] < 1e-5 and home["detail"] < 1e-5
    louder = apart(exact + np.log(2), half.log_magnitude(true))
    assert louder["level"].item() == pytest.approx(np.log(2), rel=1e-4)
    assert louder["detail"] < 1e-5  # the same shape


def test_the_pitch_is_that_of_the_comb_which_fits():
    half = WaveHalf(NeuralCodec(replace(CODEC, n_fft=960, hop=240)))
    time = torch.arange(24000) / 24000
    tone = sum(torch.sin(2 * torch.pi * 150.0 * h * time) for h in range(1, 40))[None] / 40
    pitches = 65.0 * (600 / 65.0) ** (torch.arange(256) / 255)
    near, far = int((pitches - 150).abs().argmin()), int((pitches - 220).abs().argmin())
    known = half.pitch(half.log_magnitude(tone))
    assert (known[0, 5:-5].argmax(-1) - near).abs().max() <= 2
    guesses = (20.0 * F.one_hot(torch.full(known.shape[:2], p), 256) for p in (near, far))
    losses = [missed(guess, known) for guess in guesses]
    assert losses[0] + 5 < losses[1]


def test_nobody_knows_the_pitch_of_noise():
    half = WaveHalf(NeuralCodec(replace(CODEC, n_fft=960, hop=240)))
    noise = 0.1 * torch.randn(1, 24000, generator=torch.Generator().manual_seed(0))
    known = half.pitch(half.log_magnitude(noise))
    assert known.any(-1).float().mean() < 0.1
    assert missed(torch.randn(known.shape), torch.zeros_like(known)) == 0


@pytest.mark.parametrize("half", [TokenHalf, WaveHalf])
def test_each_half_trains_its_own_part(half):
    torch.manual_seed(0)
    module = half(NeuralCodec(CODEC))
    module(wave())["loss"].backward()
    moved = {
        n.split(".")[1] for n, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert moved == {TokenHalf: {"encoder", "to_latent", "decoder"}, WaveHalf: {"decoder", "vocoder"}}[half]


def test_a_recipe_from_folder_to_model(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(30000), 24000)
    rows = [
        f'{{"file": "{n}.wav", "split": "{s}"}}' for n, s in (("a", "train"), ("b", "train"), ("c", "valid"))
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))
    phase = Phase(steps=2, batch=2, seconds=0.4, warmup=1, validate_every=2)
    recipe = CodecRecipe(phase, phase, model=CODEC, about={"licence": "CC0-1.0"})
    folder = train_codec(recipe, [tmp_path], tmp_path / "run", device="cpu")
    codec = load_codec(str(folder))
    codes = codec.encode(wave(length=24000)[:, None])
    assert codes.shape == (2, 3, 25) and codec.decode(codes).shape == (2, 1, 24000)
    samples = tmp_path / "run" / "waves" / "samples" / "0000002"
    assert {p.name for p in samples.iterdir()} == {"0_in.wav", "0_in.png", "0_out.wav", "0_out.png"}
    again = train_codec(recipe, [tmp_path], tmp_path / "run", device="cpu", resume=True)
    assert again == folder  # every phase was done: nothing is trained twice


def test_going_on_keeps_the_tokens(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(30000), 24000)
    phase = Phase(steps=2, batch=2, seconds=0.4, warmup=1, validate_every=2)
    recipe = CodecRecipe(phase, phase, model=CODEC)
    first = load_codec(str(train_codec(recipe, [tmp_path], tmp_path / "first", device="cpu")))
    start = str(tmp_path / "first" / "model")
    second = load_codec(str(train_codec(recipe, [tmp_path], tmp_path / "second", start=start, device="cpu")))
    assert first.hash == second.hash and not (tmp_path / "second" / "tokens").exists()
    moved = {n for n, p in second.named_parameters() if not torch.equal(p, first.get_parameter(n))}
    assert moved and {n.split(".")[0] for n in moved} <= {"decoder", "vocoder"}


def test_a_codec_of_bands_does_not_go_on(tmp_path):
    recipe = CodecRecipe(Phase(1), bands=BandsConfig())
    with pytest.raises(UsageError, match="host"):
        train_codec(recipe, [tmp_path], tmp_path / "run", start="bands")
