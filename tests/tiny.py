"""Models small enough to make on the spot. Their weights are random: for plumbing, not for ears."""

from pathlib import Path

import torch

from maskaudio.checkpoints.folder import save_model
from maskaudio.codec.bands import BandsCodec, BandsConfig
from maskaudio.codec.load import load_codec, load_tokeniser
from maskaudio.codec.neural import CodecConfig, NeuralCodec
from maskaudio.codec.semantic import SpeechTokeniser, TokeniserConfig
from maskaudio.config import to_dict
from maskaudio.decoding.plan import default_plan
from maskaudio.networks.ranker import RankerConfig
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.speech import SpeechConfig, SpeechNetwork
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.networks.transformer import TransformerConfig
from maskaudio.pipelines.voices import Voice
from maskaudio.training.speech import default_plans

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


def tiny_bands_codec(folder: Path) -> Path:
    """A codec of five bands of 16 entries, with its host in `folder`/host."""
    host = tiny_codec_model(folder / "host")
    config = BandsConfig(
        str(host), levels=(4, 4), encoder_dim=16, encoder_layers=1, decoder_dim=16, decoder_layers=1
    )
    torch.manual_seed(0)
    save_model(folder, "codec", config, BandsCodec(config, load_codec(host)))
    return folder


def tiny_sound_model(folder: Path, bands: bool = False) -> Path:
    """A sound model folder, with its codec in `folder`/codec."""
    codec = (tiny_bands_codec if bands else tiny_codec_model)(folder / "codec")
    streams = load_codec(codec).streams
    torch.manual_seed(0)
    shape = TransformerConfig(streams, vocab=16, dim=32, layers=2, heads=2, window=4, condition_dim=16)
    config = SoundConfig(shape, TextConfig(dim=16, layers=1, heads=2), RankerConfig(dim=8, layers=1))
    save_model(
        folder,
        "sound",
        config,
        SoundNetwork(config),
        codec=str(codec),
        codec_hash=load_codec(codec).hash,
        words="words",
        plan=to_dict(default_plan(streams, 2, steps=2 * streams)),
        classes=["rain", "dog"],
        described={"rain": "rain falling", "dog": "a dog barking"},
    )
    return folder


TOKENISER = TokeniserConfig(
    levels=(4, 4),
    dim=16,
    encoder_layers=1,
    encoder_attention=1,
    decoder_layers=1,
    decoder_attention=1,
    heads=2,
)


def tiny_tokeniser_model(folder: Path) -> Path:
    """A speech tokeniser folder of 16 tokens."""
    torch.manual_seed(0)
    save_model(folder, "speech-tokens", TOKENISER, SpeechTokeniser(TOKENISER))
    return folder


def tiny_speech_config() -> SpeechConfig:
    """Both networks of 16 tokens; two acoustic stages for three streams."""
    shape = {
        "vocab": 16,
        "dim": 32,
        "layers": 2,
        "heads": 2,
        "window": 4,
        "condition_dim": 16,
        "frames_dim": 16,
    }
    return SpeechConfig(
        semantic=TransformerConfig(streams=1, cross_every=0, **shape),
        acoustic=TransformerConfig(streams=3, stages=2, cross_every=0, **shape),
        dim=16,
        text_layers=1,
        context_layers=1,
        voice_layers=1,
    )


def tiny_speech_model(folder: Path) -> Path:
    """A speech model folder with two voices; its codec and tokeniser lie in folders within."""
    codec, tokens = tiny_codec_model(folder / "codec"), tiny_tokeniser_model(folder / "tokens")
    torch.manual_seed(0)
    config = tiny_speech_config()
    semantic, acoustic = default_plans(2, 2)
    hashes = load_codec(codec).hash, load_tokeniser(tokens).hash
    save_model(
        folder,
        "speech",
        config,
        SpeechNetwork(config),
        codec=str(codec),
        codec_hash=hashes[0],
        tokens=str(tokens),
        tokens_hash=hashes[1],
        semantic=to_dict(semantic),
        acoustic=to_dict(acoustic),
    )
    (folder / "voices").mkdir()
    for number, name in enumerate(("ada", "ben")):
        generator = torch.Generator().manual_seed(number)
        acoustic, semantic = (torch.randint(0, 16, shape, generator=generator) for shape in ((3, 80), (80,)))
        about = {"language": "en-us", "licence": "Apache-2.0", "description": "random"}
        Voice(name, acoustic, semantic, *hashes, about).save(folder / "voices" / f"{name}.safetensors")
    return folder
