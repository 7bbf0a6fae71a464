"""MaskGCT's codecs and what w2v-bert hears, number for number."""

import pytest
import torch

from maskaudio.codec.filter_banks import filter_banks
from maskaudio.codec.maskgct_semantic import load_ear
from maskaudio.codec.protocol import Codec
from tests.published.maskgct import ROOT, acoustic_codec, arrays, close, files, keys, semantic_codec


@pytest.mark.parametrize("name", files("semantic_codec_io*"))
@torch.inference_mode()
def test_semantic_codec(name):
    recorded, codec = arrays(name), semantic_codec()
    encoded = codec.encoder(recorded["features"].transpose(1, 2))
    close(encoded, recorded["encoder_out"])
    close(codec.quantizer.quantizers[0].in_project(encoded.transpose(1, 2)), recorded["latent"])
    tokens = codec.encode(recorded["features"])
    assert torch.equal(tokens[:, 0], recorded["codes"])
    close(codec.quantizer.lookup(tokens).transpose(1, 2), recorded["quantized"])
    close(codec.quantizer.lookup(tokens).transpose(1, 2), recorded["vq2emb"])
    close(codec.decode(tokens), recorded["decoded"])


WAVES = [(n, p) for n in files("acoustic_codec_io*") for (p,) in keys(n, r"(\w+)\.encoder_out")]


@pytest.mark.parametrize(("name", "part"), WAVES)
@torch.inference_mode()
def test_acoustic_codec(name, part):
    recorded, codec = arrays(name), acoustic_codec()
    want = {key.removeprefix(f"{part}."): x for key, x in recorded.items() if key.startswith(f"{part}.")}
    wave, encoded = recorded["wav"][:, None], want["encoder_out"]
    whole = codec.encoder(wave)
    if whole.shape != encoded.shape or not torch.allclose(whole, encoded, atol=1e-3):
        wave = wave[..., : encoded.shape[-1] * codec.frame]  # of its beginning, in whole frames
        assert torch.equal(codec.encode(wave).transpose(1, 2), want["codes"])
    close(codec.encoder(wave), want["encoder_out"])
    codes = codec.whole_frames(wave)
    assert torch.equal(codes.transpose(1, 2), want["codes"])
    latent = codec.quantizer.lookup(codes)
    close(latent, want["quantized"])
    close(latent, want["vq2emb"])
    for what in [what for what in want if what.startswith("vq2emb_")]:
        few = int(what.removeprefix("vq2emb_").removesuffix("q"))
        close(codec.quantizer.lookup(codes[:, :few]), want[what])
    close(codec.model.backbone(latent), want["backbone"])
    close(codec.decode(codes), want["audio"])


@pytest.mark.parametrize("name", files("acoustic_codec_io*"))
@torch.inference_mode()
def test_magnitudes_have_a_limit(name):
    recorded, codec = arrays(name), acoustic_codec()
    close(codec.model.head(recorded["clip.backbone"]), recorded["clip.audio"])


def test_acoustic_codec_is_one_of_ours():
    codec = acoustic_codec()
    assert isinstance(codec, Codec)
    wave = 0.1 * torch.randn(1, 1, 3 * codec.frame - 7, generator=torch.Generator().manual_seed(0))
    codes = codec.encode(wave)
    assert codes.shape == (1, codec.streams, 3) and codes.max() < codec.vocab
    assert codec.decode(codes).shape[-1] >= wave.shape[-1]
    values = codec.values()
    assert values.shape == (codec.streams, codec.vocab, codec.config.latent)
    summed = sum(values[k, codes[0, k]] for k in range(codec.streams))
    close(codec.quantizer.lookup(codes)[0].T, summed)


HEARD = [(n, p) for n in files("w2vbert_io*") for (p,) in keys(n, r"(\w+)\.input_features")]


@pytest.mark.parametrize(("name", "part"), HEARD)
@torch.inference_mode()
def test_what_is_heard(name, part):
    pytest.importorskip("transformers")
    recorded = arrays(name)
    length = recorded.get(f"{part}.n_samples")
    wave = recorded["wav16k"] if length is None else recorded["wav16k"][: int(length)]
    rows, whole = filter_banks(wave)
    assert torch.equal(rows, recorded[f"{part}.input_features"])
    assert torch.equal(whole.int(), recorded[f"{part}.attention_mask"])
    (place,) = ROOT.glob("w2v*/config.json")
    for (layer,) in keys(name, rf"{part}\.hidden(\d+)"):
        want = recorded[f"{part}.hidden{layer}"]
        mean, variance = torch.zeros(want.shape[-1]), torch.full((want.shape[-1],), 4.0)
        ear = load_ear(place.parent, max(1, int(layer)), mean, variance)
        if layer == "0":
            told = {"input_features": rows, "attention_mask": whole.int()}
            close(ear.network(**told, output_hidden_states=True).hidden_states[0], want)
        else:
            close(2.0 * ear(wave), want)
