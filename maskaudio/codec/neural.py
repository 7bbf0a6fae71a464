"""Our codec: log-mel → tokens → log-mel, and a vocoder; the parameters are in the decoder."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.codec.fsq import GroupedFSQ
from maskaudio.codec.harmonics import Harmonics, mel_comb_details
from maskaudio.codec.mel import MelSpectrogram
from maskaudio.codec.vocoder import Vocoder
from maskaudio.networks.convnext import ConvNeXt

# What a distance learns of harmonics is shallower than they are: the middle of all they may be. Decoding
# gives them their depth back (DNSMOS of speech from 2.9 to 3.1, see benchmarks/RESULTS.md).
DEEPER = 1.25


@dataclass(frozen=True)
class CodecConfig:
    """Shape of a codec. `stride` mel frames (of `hop` samples) make one token frame."""

    sample_rate: int = 24000
    n_fft: int = 960
    hop: int = 240
    n_mels: int = 100
    stride: int = 4
    streams: int = 6
    levels: tuple[int, ...] = (8, 5, 5, 5)
    encoder_dim: int = 256
    encoder_layers: int = 5
    decoder_dim: int = 320
    decoder_layers: int = 6
    vocoder_dim: int = 384
    vocoder_layers: int = 8
    vocoder_iterations: int = 32  # of Griffin-Lim


class NeuralCodec(nn.Module):
    """wave [B, 1, N] ⇄ codes [B, K, T], T = ceil(N / (hop·stride)); stream k refines k − 1."""

    layout = "residual"

    def __init__(self, config: CodecConfig):
        super().__init__()
        c = self.config = config
        self.sample_rate = c.sample_rate
        self.frame_rate = c.sample_rate / (c.hop * c.stride)
        self.streams = c.streams
        self.mel = MelSpectrogram(c.sample_rate, c.n_fft, c.hop, c.n_mels)
        self.encoder = Encoder(c.n_mels, c.encoder_dim, c.encoder_layers, c.stride)
        self.quantiser = GroupedFSQ(c.levels, c.streams)
        self.vocab = self.quantiser.entries
        width = c.streams * len(c.levels)
        self.to_latent = nn.Linear(c.encoder_dim, width)
        combs = mel_comb_details(c.sample_rate, c.n_fft, c.n_mels)
        self.decoder = MelDecoder(width, combs, c.decoder_dim, c.decoder_layers, c.stride)
        vocoder = (c.vocoder_dim, c.vocoder_layers, c.vocoder_iterations)
        self.vocoder = Vocoder(c.sample_rate, c.n_fft, c.hop, c.n_mels, *vocoder)

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] in [-1, 1] at `sample_rate` → codes [B, K, T] int64 (the end is zero-padded)."""
        return self.quantiser.codes(self.to_latent(self.encoder(self.log_mel(wave))))

    def log_mel(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] → log-mel [B, n_mels, F] of whole token frames (the end is zero-padded)."""
        frame = self.config.hop * self.config.stride
        return self.mel(F.pad(wave[:, 0], (0, -wave.shape[-1] % frame)))

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ K streams → wave [B, 1, T·hop·stride]."""
        return self.vocoder(self.decode_mel(codes))[:, None]

    def decode_mel(self, codes: Tensor) -> Tensor:
        """codes [B, j, T] → log-mel [B, n_mels, T·stride]."""
        return self.decoder(self.quantiser.lookup(codes))[0]

    def values(self) -> Tensor:
        """The vectors that codes stand for, [K, vocab, D] in [-1, 1]; the same in every stream."""
        return self.quantiser.entry_values().expand(self.streams, -1, -1)

    def reconstruct_mel(self, mel: Tensor) -> Tensor:
        """log-mel → tokens → log-mel with a straight-through gradient, for training."""
        return self.decoder(self.quantiser(self.to_latent(self.encoder(mel))))[0]


class Encoder(nn.Module):
    """log-mel [B, n_mels, F] → [B, F / stride, dim]."""

    def __init__(self, n_mels: int, dim: int, layers: int, stride: int):
        super().__init__()
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.fine = ConvNeXt(dim, 2)
        self.down = nn.Conv1d(dim, dim, stride, stride=stride)
        self.coarse = ConvNeXt(dim, layers)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.fine(self.embed(mel / 4).transpose(1, 2))
        return self.coarse(self.down(x.transpose(1, 2)).transpose(1, 2))


class MelDecoder(nn.Module):
    """Quantised latent [B, T, width] → log-mel [B, n_mels, T·stride] and pitch logits [B, T·stride, pitches].

    combs [pitches, n_mels], known: see `Harmonics`.
    """

    def __init__(self, width: int, combs: Tensor, dim: int, layers: int, stride: int):
        super().__init__()
        self.embed = nn.Linear(width, dim)
        self.coarse = ConvNeXt(dim, layers)
        self.up = nn.ConvTranspose1d(dim, dim, stride, stride=stride)
        self.fine = ConvNeXt(dim, 3)
        self.out = nn.Linear(dim, combs.shape[1])
        self.harmonics = Harmonics(dim, combs)

    def forward(self, latent: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.up(self.coarse(self.embed(latent)).transpose(1, 2)).transpose(1, 2)
        x = self.fine(x)
        added, pitch = self.harmonics(x, known)
        if not self.training:
            added = DEEPER * added
        return (4 * self.out(x) + added).transpose(1, 2), pitch
