"""A codec by its name."""

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.codec.bands import BandsCodec, BandsConfig
from maskaudio.codec.neural import CodecConfig, NeuralCodec
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import SpeechTokeniser, TokeniserConfig
from maskaudio.config import to_dict
from maskaudio.errors import MaskaudioError

# what turns a wave into tokens
DECIDING = ("encoder", "encoder_attention", "to_latent", "quantiser", "quantizer")
UNDECIDING = ("decoder", "vocoder", "dropout", "host")  # settings of what comes after them
SPECTROGRAM = ("sample_rate", "n_fft", "hop", "n_mels", "stride")  # what bands take over from their host


REGISTERED: dict[str | Path, Callable[[], Codec]] = {}


def register_codec(name: str, load: Callable[[], Codec]) -> None:
    """Have `load_codec(name)` give what `load` does, in this process, before any folder of that name."""
    REGISTERED[name] = load
    load_codec.cache_clear()


@functools.lru_cache(maxsize=4)
def load_codec(name: str | Path, device: str = "cpu") -> Codec:
    """The codec of a name or model folder, loaded once per process.

    "encodec-24khz" and "encodec-48khz" are Meta's EnCodec at 6 kbit/s; "encodec-24khz-1.5" is at 1.5.
    Raises UsageError for an unknown name, MaskaudioError for a damaged folder.
    """
    if name in REGISTERED:
        return REGISTERED[name]()
    if published := re.fullmatch(r"encodec-(24|48)khz(?:-(\d+(?:\.\d+)?))?", str(name)):
        from maskaudio.codec.encodec import load_encodec

        codec = load_encodec(int(published[1]) * 1000, float(published[2] or 6))
    else:
        folder = find_model(name, "codec")
        codec = _of_bands(folder, device) or _of_audiocraft(folder) or _of_maskgct(folder)
        codec = codec or build(NeuralCodec, CodecConfig, folder, "codec")
        codec.name = folder.resolve().name
    codec.hash = codec_hash(codec)
    return codec.requires_grad_(False).to(device)


def _of_bands(folder: Path, device: str) -> BandsCodec | None:
    """The codec in `folder` where it is one of bands, on top of the codec it names."""
    config = read_config(folder).get("config")
    if not isinstance(config, dict) or "host" not in config:
        return None
    host = load_host(str(config["host"]), device)
    return build(lambda c: BandsCodec(c, host), BandsConfig, folder, "codec")


def _of_audiocraft(folder: Path) -> Codec | None:
    """The codec in `folder` where it is a compression model of audiocraft's."""
    config = read_config(folder).get("config")
    if not isinstance(config, dict) or "ratios" not in config:
        return None
    from maskaudio.codec.seanet import SeanetCodec, SeanetConfig

    return build(SeanetCodec, SeanetConfig, folder, "codec", torch.float32)


def _of_maskgct(folder: Path) -> Codec | None:
    """The codec in `folder` where it is MaskGCT's."""
    if read_config(folder).get("family") != "maskgct":
        return None
    from maskaudio.codec.maskgct_acoustic import AcousticCodec, AcousticCodecConfig

    return build(AcousticCodec, AcousticCodecConfig, folder, "codec", torch.float32)


def load_host(name: str, device: str = "cpu") -> NeuralCodec:
    """The codec that one of bands stands on. Raises MaskaudioError where it cannot."""
    host = load_codec(name, device)
    if not isinstance(host, NeuralCodec):
        raise MaskaudioError(f"host: '{name}' is no residual codec of ours")
    return host


@functools.lru_cache(maxsize=2)
def load_tokeniser(name: str | Path, device: str = "cpu") -> SpeechTokeniser:
    """The speech tokeniser of a name or model folder, loaded once per process."""
    folder = find_model(name, "speech-tokens")
    tokeniser = build(SpeechTokeniser, TokeniserConfig, folder, "speech-tokens")
    tokeniser.name = folder.resolve().name
    tokeniser.hash = codec_hash(tokeniser)
    return tokeniser.requires_grad_(False).to(device)


def codec_hash(codec: nn.Module) -> str:
    """12 hex digits over all that decides tokens; training the decoder further does not change them."""
    shape = {k: v for k, v in to_dict(codec.config).items() if not k.startswith(UNDECIDING)}
    if isinstance(codec, BandsCodec):
        shape |= {k: getattr(codec.host[0].config, k) for k in SPECTROGRAM}
    digest = hashlib.sha256(repr(sorted(shape.items())).encode())
    for name, tensor in sorted(codec.state_dict().items()):
        if name.split(".")[0] in DECIDING:
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]
