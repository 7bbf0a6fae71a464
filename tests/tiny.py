"""Models small enough to make on the spot. Their weights are random: for plumbing, not for ears."""

from pathlib import Path

import torch

from maskaudio.checkpoints.folder import save_model
from maskaudio.codec.load import load_codec
from maskaudio.codec.neural import CodecConfig, NeuralCodec
from maskaudio.config import to_dict
from maskaudio.decoding.plan import default_plan
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.networks.transformer import TransformerConfig

CODEC = CodecConfig(
    streams=3,
    levels=(4, 4),
    encoder_dim=16,
    encoder_layers=1,
    decoder_dim=16,
    decoder_layers=1,
    vocoder_dim=16,
    vocoder_layers=1,
)


def tiny_codec_model(folder: Path) -> Path:
    """A codec folder of three streams of 16 entries."""
    torch.manual_seed(0)
    save_model(folder, "codec", CODEC, NeuralCodec(CODEC))
    return folder


def tiny_sound_model(folder: Path) -> Path:
    """A sound model folder, with its codec in `folder`/codec."""
    codec = tiny_codec_model(folder / "codec")
    torch.manual_seed(0)
    shape = TransformerConfig(streams=3, vocab=16, dim=32, layers=2, heads=2, window=4, condition_dim=16)
    config = SoundConfig(shape, TextConfig(dim=16, layers=1, heads=2))
    save_model(
        folder,
        "sound",
        config,
        SoundNetwork(config),
        codec=str(codec),
        codec_hash=load_codec(codec).hash,
        words="words",
        plan=to_dict(default_plan(3, 2, steps=6)),
        classes=["rain", "dog"],
        described={"rain": "rain falling", "dog": "a dog barking"},
    )
    return folder
