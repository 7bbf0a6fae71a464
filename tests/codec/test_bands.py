"""A codec of bands: each band is encoded on its own, and all are decoded by the host."""

import json

import numpy as np
import pytest
import torch

from maskaudio.audio import Audio
from maskaudio.codec.bands import BandsCodec, BandsConfig
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.training.codec import train_codec
from maskaudio.training.recipe import CodecRecipe, Data, Phase
from tests.tiny import tiny_codec_model

SHAPE = {"levels": (4, 4), "encoder_dim": 16, "encoder_layers": 1, "decoder_dim": 16, "decoder_layers": 1}
PHASE = Phase(steps=12, lr=3e-3, warmup=2, batch=4, seconds=0.64, validate_every=12, ema=0.5)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return tiny_codec_model(tmp_path_factory.mktemp("models") / "host")


@pytest.fixture(scope="module")
def codec(host):
    torch.manual_seed(0)
    return BandsCodec(BandsConfig(str(host), **SHAPE), load_codec(host)).eval()


@pytest.mark.parametrize("band", range(5))
def test_what_a_band_says_depends_on_that_band_alone(codec, band):
    mel = torch.randn(1, 100, 48, generator=torch.Generator().manual_seed(0))
    other = mel.clone()
    other[:, 20 * band : 20 * band + 20] += torch.randn(1, 20, 48, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        one, two = (codec.quantiser.codes(codec._latent(x)) for x in (mel, other))
    changed = (one != two).any(2)[0].tolist()
    assert changed == [k == band for k in range(5)]


def test_bands_lie_between_their_edges(codec):
    """A tone is heard by the filters of its own band, at most those next to it."""
    assert codec.edges[0] < 50 and codec.edges[-1] == pytest.approx(12000, rel=0.02)
    assert codec.edges == sorted(codec.edges) and len(codec.edges) == 6
    for band in range(5):
        hertz = (codec.edges[band] * codec.edges[band + 1]) ** 0.5 if band else 150.0
        wave = torch.sin(2 * torch.pi * hertz * torch.arange(24000) / 24000)[None, None]
        mel = codec.host[0].log_mel(wave)[0].mean(1)
        assert int(mel.argmax()) // 20 == band


def test_codes_to_waves_and_back_in_shape(codec):
    wave = torch.randn(2, 1, 10000) * 0.1
    with torch.inference_mode():
        codes = codec.encode(wave)
        made = codec.decode(codes)
    assert codes.shape == (2, 5, 11) and codes.min() >= 0 and codes.max() < codec.vocab == 16
    assert made.shape == (2, 1, 11 * 960) and made.isfinite().all()
    assert codec.values().shape == (5, 16, 2) and codec.layout == "bands"


def test_it_is_trained_saved_and_loaded_without_its_host(host, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(4):
        wave = 0.1 * rng.standard_normal((1, 24000)).astype(np.float32)
        Audio(wave, 24000).save(tmp_path / "clips" / f"{i}.wav") if i else (tmp_path / "clips").mkdir()
    recipe = CodecRecipe(PHASE, bands=BandsConfig(str(host), **SHAPE), data=Data(valid_share=0.3))
    folder = train_codec(recipe, [tmp_path / "clips"], tmp_path / "run", device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "run/tokens/log.jsonl").read_text().splitlines()]
    assert all(np.isfinite(v) for row in rows for v in row.values())
    codec = load_codec(folder)
    assert isinstance(codec, Codec) and codec.hash != load_codec(host).hash
    assert not any(name.startswith("host") for name in codec.state_dict())
    assert (folder / "model.safetensors").stat().st_size < (host / "model.safetensors").stat().st_size
    with pytest.raises(MaskaudioError, match="no residual codec"):
        train_codec(
            CodecRecipe(PHASE, bands=BandsConfig(str(folder), **SHAPE)),
            [tmp_path / "clips"],
            tmp_path / "two",
            device="cpu",
        )


def test_shapes_that_do_not_fit_are_refused(host):
    with pytest.raises(MaskaudioError, match="7 bands"):
        BandsCodec(BandsConfig(str(host), streams=7, **SHAPE), load_codec(host))
    with pytest.raises(UsageError, match="waves"):
        CodecRecipe(PHASE)
    with pytest.raises(UsageError, match="waves"):
        CodecRecipe(PHASE, PHASE, bands=BandsConfig())
