"""Audiocraft's compression model as a codec of ours: codes exactly, waves closely."""

from dataclasses import replace

import pytest
import torch

from maskaudio.codec.protocol import Codec
from maskaudio.codec.seanet import SeanetCodec
from maskaudio.published.audiocraft import read_codec
from maskaudio.published.compression import from_transformers
from tests.published.magnet import ROOT, arrays, cases, codec, matching, table

NEAR = {"atol": 1e-4, "rtol": 0}


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def loaded(config, weights):
    made = SeanetCodec(config)
    made.load_state_dict(weights)
    return made.eval()


def test_it_is_a_codec():
    made, settings = codec(), table("compression_xp_cfg.yaml")
    assert isinstance(made, Codec) and len(made.hash) == 12 and made.name.startswith("encodec-")
    assert (made.streams, made.vocab) == (settings["rvq"]["n_q"], settings["rvq"]["bins"])
    assert made.sample_rate == settings["sample_rate"] and made.layout == "residual"
    assert made.values().shape == (made.streams, made.vocab, settings["seanet"]["dimension"])


def test_wave_to_codes_to_wave():
    given, made = arrays(), codec()
    latent = made.encoder(given["encodec/wav_in"])
    torch.testing.assert_close(latent, given["encodec/latent"], **NEAR)
    codes = made.encode(given["encodec/wav_in"])
    assert torch.equal(codes, given["encodec/codes"].long())
    entries = made.quantiser.lookup(codes).transpose(1, 2)
    torch.testing.assert_close(entries, given["encodec/dequant"], **NEAR)
    torch.testing.assert_close(made.decode(codes), given["encodec/wav_out"], **NEAR)


def test_wave_to_codes_to_wave_with_the_other_padding():
    """The same weights where convolutions hear reflections of the ends."""
    given, (config, weights) = arrays(), read_codec(ROOT / "compression_state_dict.bin")
    made = loaded(replace(config, pad_mode="reflect"), weights)
    torch.testing.assert_close(made.encoder(given["encodec/wav_in"]), given["encodec/reflect_latent"], **NEAR)
    codes = made.encode(given["encodec/wav_in"])
    assert torch.equal(codes, given["encodec/reflect_codes"].long())
    wave = made.decode(given["encodec/codes"].long())
    torch.testing.assert_close(wave, given["encodec/reflect_wav_out_of_codes"], **NEAR)


@pytest.mark.parametrize("match", matching(r"encodec/decode_of_(.+)_row(\d+)"), ids=lambda m: m[1])
def test_a_decode_is_heard(match):
    """Of the decodes whose names begin so it is one."""
    want = arrays()[match[0]]
    names = [name for name in cases(r"decode/(.+)/tokens") if name.startswith(match[1])]
    grids = [arrays()[f"decode/{name}/tokens"].long() for name in names]
    rows = [grid[[int(match[2])]] for grid in grids if grid.shape[2] * codec().hop == want.shape[2]]
    assert any(torch.allclose(codec().decode(row), want, **NEAR) for row in rows)


def test_the_same_codec_as_transformers_has_it():
    """What a checkpoint that only names its codec leads to."""
    given, made = arrays(), loaded(*from_transformers(ROOT / "redirect" / "encodec_hf"))
    assert made.config == codec().config
    assert torch.equal(made.encode(given["encodec/wav_in"]), given["encodec/codes"].long())
    wave = made.decode(given["encodec/codes"].long())
    torch.testing.assert_close(wave, given["encodec/wav_out"], **NEAR)


def test_fewer_streams_decode_to_as_many_samples():
    codes = arrays()["encodec/codes"].long()
    for streams in range(1, codec().streams + 1):
        wave = codec().decode(codes[:, :streams])
        assert wave.shape == (len(codes), 1, codes.shape[2] * codec().hop)
