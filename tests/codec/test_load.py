"""A codec by its name, and the hash that says whose tokens it reads."""

import pytest
import torch

from maskaudio.codec import load
from maskaudio.codec.load import codec_hash, load_codec, register_codec
from maskaudio.codec.neural import CodecConfig, NeuralCodec
from maskaudio.codec.protocol import Codec
from maskaudio.errors import UsageError
from tests.tiny import CODEC, tiny_codec_model


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKAUDIO_HOME", str(tmp_path))
    load_codec.cache_clear()
    yield tmp_path
    load_codec.cache_clear()


def test_a_local_codec_by_name_and_by_path(home):
    folder = tiny_codec_model(home / "models" / "mine")
    codec = load_codec("mine")
    assert isinstance(codec, Codec) and not codec.training
    assert codec.name == "mine" and codec.hash == codec_hash(codec)
    assert load_codec("mine") is codec
    assert load_codec(folder).hash == codec.hash
    codes = codec.encode(torch.randn(1, 1, 5000))
    assert codes.shape == (1, 3, 6) and codec.decode(codes).shape == (1, 1, 5760)


def test_an_unknown_name_lists_what_there_is(home):
    tiny_codec_model(home / "models" / "mine")
    with pytest.raises(UsageError, match=r"unknown codec model 'other' .*mine"):
        load_codec("other")


def test_a_registered_codec_stands_before_a_folder_of_its_name(home, monkeypatch):
    monkeypatch.setattr(load, "REGISTERED", {})
    tiny_codec_model(home / "models" / "mine")
    found, own = load_codec("mine"), NeuralCodec(CODEC)
    register_codec("mine", lambda: own)
    assert load_codec("mine") is own is not found


def test_the_hash_is_of_what_decides_tokens():
    codec = NeuralCodec(CODEC).requires_grad_(False)
    before = codec_hash(codec)
    for part in (codec.decoder, codec.vocoder):
        next(part.parameters()).add_(1)
    assert codec_hash(codec) == before
    next(codec.encoder.parameters()).view(-1)[0] += 1e-3
    assert codec_hash(codec) != before


def test_the_hash_is_of_the_shape_too():
    one, other = (NeuralCodec(CodecConfig(**SMALL, levels=levels)) for levels in ((4, 5), (5, 4)))
    other.load_state_dict(one.state_dict())
    assert codec_hash(one) != codec_hash(other)


SMALL = {
    "streams": 2,
    "encoder_dim": 8,
    "encoder_layers": 1,
    "decoder_dim": 8,
    "decoder_layers": 1,
    "vocoder_dim": 8,
    "vocoder_layers": 1,
}
