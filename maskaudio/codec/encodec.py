"""Meta's EnCodec (arXiv 2210.13438) as one of our codecs, on the networks of the `encodec` package."""

import json
import logging
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskaudio.checkpoints.folder import FORMAT, load_weights, read_config
from maskaudio.checkpoints.registry import home
from maskaudio.codec.rvq import ResidualVQ
from maskaudio.compat import load_torchaudio
from maskaudio.config import to_dict
from maskaudio.errors import MaskaudioError, UsageError, first_line
from maskaudio.files import write_file

LICENCE = "CC-BY-NC-4.0"
CHECKPOINTS = {24000: "encodec_24khz-d7cc33bc.th", 48000: "encodec_48khz-7e698e3e.th"}
BANDWIDTHS = {24000: (1.5, 3.0, 6.0, 12.0, 24.0), 48000: (3.0, 6.0, 12.0, 24.0)}  # kbit/s
HOP = 320  # samples to a frame
SEGMENT, STRIDE = 48000, 47520  # samples: the 48 kHz model sees one second at a time, 1 % overlapping
LEVEL_FLOOR, LEVEL_STEP = -100.0, 0.1  # dB: levels 0 … 1023 are −100 … +2.3 dB


@dataclass(frozen=True)
class EncodecConfig:
    """Which of the two published models."""

    sample_rate: int = 24000


class Encodec(nn.Module):
    """wave [B, 1, N] ⇄ codes [B, K, T], as the published model makes them.

    24 kHz: mono, causal, 75 frames a second. 48 kHz: stereo (a mono wave is heard in both channels); each
    second is scaled to unit loudness, and the scale travels beside the tokens. Here it travels among them:
    stream 0 holds the level in steps of 0.1 dB, the same in all frames of a segment; the published streams
    follow. Segments overlap, so 150 frames are 0.99 s.
    """

    layout = "residual"
    vocab = 1024

    def __init__(self, config: EncodecConfig, bandwidth: float = 6.0):
        super().__init__()
        if config.sample_rate not in CHECKPOINTS:
            raise MaskaudioError(f"EnCodec is for 24000 or 48000 Hz, not {config.sample_rate}")
        self.config, self.sample_rate = config, config.sample_rate
        self.stereo = self.sample_rate == 48000
        if bandwidth not in BANDWIDTHS[self.sample_rate]:
            known = ", ".join(f"{b:g}" for b in BANDWIDTHS[self.sample_rate])
            raise UsageError(f"{model_name(self.sample_rate)} has no {bandwidth:g} kbit/s (it has {known})")
        self.name = model_name(self.sample_rate) + ("" if bandwidth == 6.0 else f"-{bandwidth:g}")
        self.hash = ""  # set when weights are loaded
        self.books = round(bandwidth * 1000 / 10 / (self.sample_rate / HOP))  # 10 bits a token
        self.streams = self.books + self.stereo
        self.frame_rate = self.sample_rate / HOP * (SEGMENT / STRIDE if self.stereo else 1)
        network = published_network(self.sample_rate)
        self.encoder, self.decoder = network.encoder, network.decoder
        self.quantiser = ResidualVQ(network.quantizer.n_q, self.vocab, network.quantizer.dimension)
        self.quantiser.codebooks.copy_(codebooks(network))

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1 or 2, N], full scale 1 → codes [B, K, T] int64."""
        if not self.stereo:
            return self._tokens(wave.mean(1, keepdim=True))
        wave = wave.expand(-1, 2, -1)
        # unlike the original, no segment for an end that the one before covers: all but the last are whole
        starts = range(0, max(1, wave.shape[-1] - (SEGMENT - STRIDE)), STRIDE)
        return torch.cat([self._scaled_tokens(wave[:, :, s : s + SEGMENT]) for s in starts], dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ K → wave [B, 1, 320·T], or [B, 2, N] at 48 kHz."""
        if not self.stereo:
            return self.decoder(self.quantiser.lookup(codes).transpose(1, 2))
        parts = codes.split(SEGMENT // HOP, dim=-1)
        return overlap_add([self._scaled_wave(part) for part in parts])

    def values(self) -> Tensor:
        """The vectors that codes stand for, [K, 1024, 128]; those of the level hold it in dB, and zeros."""
        books = self.quantiser.codebooks[: self.books]
        if not self.stereo:
            return books
        level = torch.zeros_like(books[:1])
        level[0, :, 0] = LEVEL_FLOOR + LEVEL_STEP * torch.arange(self.vocab)
        return torch.cat([level, books])

    def _tokens(self, wave: Tensor) -> Tensor:
        return self.quantiser.codes(self.encoder(wave).transpose(1, 2), self.books)

    def _scaled_tokens(self, wave: Tensor) -> Tensor:
        loudness = wave.mean(1).square().mean(1).sqrt() + 1e-8  # [B]
        codes = self._tokens(wave / loudness[:, None, None])
        level = ((20 * loudness.log10() - LEVEL_FLOOR) / LEVEL_STEP).round().clamp(0, self.vocab - 1).long()
        return torch.cat([level[:, None, None].expand(-1, 1, codes.shape[-1]), codes], dim=1)

    def _scaled_wave(self, codes: Tensor) -> Tensor:
        # generated frames of a segment may disagree on its level: their middle one counts
        level = codes[:, 0].float().median(dim=-1).values * LEVEL_STEP + LEVEL_FLOOR
        if codes.shape[1] == 1:  # a level and nothing to hear at it
            return torch.zeros(codes.shape[0], 2, codes.shape[-1] * HOP, device=codes.device)
        wave = self.decoder(self.quantiser.lookup(codes[:, 1:]).transpose(1, 2))
        return wave * 10 ** (level / 20)[:, None, None]


def model_name(sample_rate: int) -> str:
    """What `load_codec` calls it: encodec-24khz or encodec-48khz."""
    return f"encodec-{sample_rate // 1000}khz"


def load_encodec(sample_rate: int, bandwidth: float = 6.0) -> Encodec:
    """The published codec. Its weights are downloaded and converted once, into MASKAUDIO_HOME/models.

    Raises UsageError for a bandwidth it does not have, MaskaudioError where the weights are not here and
    cannot be fetched, or are damaged.
    """
    codec = Encodec(EncodecConfig(sample_rate), bandwidth)
    folder = home() / "models" / model_name(sample_rate)
    if not (folder / "config.json").is_file():
        convert(_download(sample_rate), sample_rate, folder)
    if read_config(folder).get("kind") != "encodec":
        raise MaskaudioError(f"{folder}: not the EnCodec model; remove it to have it fetched again")
    load_weights(folder, codec)
    return codec.eval()


def convert(state: dict[str, Tensor], sample_rate: int, folder: Path) -> None:
    """Write a published state dict as a model folder. Raises MaskaudioError where it does not fit.

    In full precision, unlike our own models: rounding would move some tokens from the published ones.
    """
    from safetensors.torch import save

    network = published_network(sample_rate, state)
    codec = Encodec(EncodecConfig(sample_rate))
    codec.encoder, codec.decoder = network.encoder, network.decoder
    codec.quantiser.codebooks.copy_(codebooks(network))
    weights = {name: tensor.contiguous() for name, tensor in codec.state_dict().items()}
    about = {
        "summary": f"EnCodec, {sample_rate // 1000} kHz, by Meta",
        "licence": LICENCE,
        "parameters": sum(tensor.numel() for tensor in weights.values()),
    }
    table = {"format": FORMAT, "kind": "encodec", "config": to_dict(codec.config), "about": about}
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "model.safetensors", save(weights))
    write_file(folder / "config.json", (json.dumps(table, indent=2) + "\n").encode())


def published_network(sample_rate: int, state: dict[str, Tensor] | None = None) -> Any:
    """The `EncodecModel` of the encodec package, weights random or from `state`, weight norm folded in."""
    load_torchaudio()  # encodec imports it
    from encodec import EncodecModel

    make = EncodecModel.encodec_model_48khz if sample_rate == 48000 else EncodecModel.encodec_model_24khz
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # encodec's way of normalising weights
        network = make(pretrained=False)
    if state is not None:
        try:
            network.load_state_dict(state)
        except (RuntimeError, TypeError):
            raise MaskaudioError(f"not the weights of {model_name(sample_rate)}") from None
    for module in network.modules():
        if hasattr(module, "weight_g"):
            nn.utils.remove_weight_norm(module)
    return network.requires_grad_(False)


def codebooks(network: Any) -> Tensor:
    """The entries of all codebooks of an `EncodecModel`: [streams, entries, dim]."""
    return torch.stack([layer.codebook for layer in network.quantizer.vq.layers])


def overlap_add(segments: list[Tensor]) -> Tensor:
    """Segments [B, C, n] that start STRIDE samples apart, faded into each other as EnCodec does: [B, C, N].

    The weight of a sample is a triangle over its segment; weights are divided out, so one alone is kept.
    """
    length = max(STRIDE * i + s.shape[-1] for i, s in enumerate(segments))
    ramp = torch.linspace(0, 1, segments[0].shape[-1] + 2, device=segments[0].device)[1:-1]
    triangle = 0.5 - (ramp - 0.5).abs()
    wave = segments[0].new_zeros(*segments[0].shape[:2], length)
    weight = wave.new_zeros(length)
    for i, segment in enumerate(segments):
        n = segment.shape[-1]
        wave[..., STRIDE * i : STRIDE * i + n] += triangle[:n] * segment
        weight[STRIDE * i : STRIDE * i + n] += triangle[:n]
    return wave / weight


def _download(sample_rate: int) -> dict[str, Tensor]:
    from encodec.model import ROOT_URL

    name = model_name(sample_rate)
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        raise MaskaudioError(f"{name} is not on this machine yet, and --offline forbids to fetch it")
    checkpoint = CHECKPOINTS[sample_rate]
    logging.getLogger("maskaudio").warning("fetching %s (by Meta, %s) once", name, LICENCE)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / checkpoint
        digest = path.stem.partition("-")[2]
        try:
            torch.hub.download_url_to_file(ROOT_URL + checkpoint, str(path), digest, progress=False)
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError) as error:
            why = first_line(error)
            raise MaskaudioError(f"{name} is not on this machine and could not be fetched ({why})") from None
