"""The losses of the codec, and a recipe carried out on noise."""

import numpy as np
import pytest
import soundfile
import torch

from maskaudio.codec.load import load_codec
from maskaudio.codec.neural import NeuralCodec
from maskaudio.training.adversary import Adversary
from maskaudio.training.codec import (
    PolishHalf,
    SpectralDistance,
    TextureHalf,
    TokenHalf,
    WaveHalf,
    train_codec,
)
from maskaudio.training.recipe import CodecRecipe, Phase
from tests.tiny import CODEC


def wave(seed=0, length=9600):
    return 0.1 * torch.randn(2, length, generator=torch.Generator().manual_seed(seed))


def test_the_spectral_distance_is_zero_at_home_and_grows_with_the_error():
    distance = SpectralDistance(24000)
    true = wave()
    assert distance(true, true)["loss"] < 1e-3
    near, far = (distance(true + e * wave(1), true)["loss"] for e in (0.1, 1.0))
    assert 0 < near < far
    assert distance(2 * true, true)["mel"] == pytest.approx(np.log(2), rel=0.05)


@pytest.mark.parametrize("half", [TokenHalf, TextureHalf, WaveHalf, PolishHalf])
def test_each_half_trains_its_own_part(half):
    torch.manual_seed(0)
    module = half(NeuralCodec(CODEC))
    module(wave())["loss"].backward()
    moved = {
        n.split(".")[1] for n, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert (
        moved
        == {
            TokenHalf: {"encoder", "to_latent", "decoder"},
            TextureHalf: {"decoder", "critics"},
            WaveHalf: {"vocoder"},
            PolishHalf: {"vocoder", "critics"},
        }[half]
    )


def test_the_two_sides_of_the_game_do_not_train_each_other():
    torch.manual_seed(0)
    adversary, true = Adversary(kinds=1, channels=4), torch.randn(2, 40, 60)
    made = torch.randn(2, 40, 60, requires_grad=True)
    losses = adversary([made], [true])
    losses["critic"].backward(retain_graph=True)
    assert made.grad is None
    assert all(p.grad is not None for p in adversary.parameters())
    adversary.zero_grad()
    (losses["adversary"] + losses["features"]).backward()
    assert made.grad.abs().sum() > 0
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in adversary.parameters())


def test_a_recipe_from_folder_to_model(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(30000), 24000)
    rows = [
        f'{{"file": "{n}.wav", "split": "{s}"}}' for n, s in (("a", "train"), ("b", "train"), ("c", "valid"))
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))
    phase = Phase(steps=2, batch=2, seconds=0.4, warmup=1, validate_every=2)
    recipe = CodecRecipe(phase, phase, phase, phase, model=CODEC, about={"licence": "CC0-1.0"})
    folder = train_codec(recipe, [tmp_path], tmp_path / "run", device="cpu")
    codec = load_codec(str(folder))
    codes = codec.encode(wave(length=24000)[:, None])
    assert codes.shape == (2, 3, 25) and codec.decode(codes).shape == (2, 1, 24000)
    samples = tmp_path / "run" / "polish" / "samples" / "0000002"
    assert {p.name for p in samples.iterdir()} == {"0_in.wav", "0_in.png", "0_out.wav", "0_out.png"}
    again = train_codec(recipe, [tmp_path], tmp_path / "run", device="cpu", resume=True)
    assert again == folder  # every phase was done: nothing is trained twice
