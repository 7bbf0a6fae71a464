"""A codec whose streams are frequency bands, each encoded on its own (after SpecMaskGIT)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskaudio.codec.fsq import GroupedFSQ
from maskaudio.codec.mel import mel_edges
from maskaudio.codec.neural import Encoder, NeuralCodec
from maskaudio.errors import MaskaudioError
from maskaudio.networks.convnext import ConvNeXt


@dataclass(frozen=True)
class BandsConfig:
    """Shape of a codec of bands. Spectrograms, frames and decoder are those of `host`."""

    host: str = "codec"  # the name or folder of a residual codec
    streams: int = 5  # low to high; they share the host's mel channels evenly
    levels: tuple[int, ...] = (8, 5, 5, 5)
    encoder_dim: int = 128
    encoder_layers: int = 4
    decoder_dim: int = 256
    decoder_layers: int = 4


class BandsCodec(nn.Module):
    """wave [B, 1, N] ⇄ codes [B, K, T]; stream k is the k-th band from below.

    A log-mel is cut in patches, a band high and a token frame long; every patch becomes a code by one encoder
    that sees its own band only. All bands together are translated into the latent of the host, which decodes
    it: nothing of a decoder is learned, or kept, twice.
    """

    layout = "bands"

    def __init__(self, config: BandsConfig, host: NeuralCodec):
        super().__init__()
        c, h = config, host.config
        if h.n_mels % c.streams:
            raise MaskaudioError(f"streams: {c.streams} bands do not share {h.n_mels} mel channels evenly")
        self.config = config
        self.host = (host,)  # in a tuple: its weights are not this codec's
        self.sample_rate, self.frame_rate = host.sample_rate, host.frame_rate
        self.streams, self.high = c.streams, h.n_mels // c.streams
        self.encoder = Encoder(self.high + c.streams, c.encoder_dim, c.encoder_layers, h.stride)
        self.quantiser = GroupedFSQ(c.levels, c.streams, nested=False)
        self.vocab = self.quantiser.entries
        self.to_latent = nn.Linear(c.encoder_dim, len(c.levels))
        self.decoder = nn.Sequential(
            nn.Linear(c.streams * len(c.levels), c.decoder_dim),
            ConvNeXt(c.decoder_dim, c.decoder_layers),
            nn.Linear(c.decoder_dim, host.quantiser.streams * host.quantiser.width),
        )
        # Hz: band k is complete where nothing is missing below edges[k + 1]
        self.edges = mel_edges(h.sample_rate, h.n_mels)[1 :: self.high].tolist()

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> "BandsCodec":
        self.host[0]._apply(change, recurse)  # goes where this codec goes
        return super()._apply(change, recurse)

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] in [-1, 1] at `sample_rate` → codes [B, K, T] int64 (the end is zero-padded)."""
        return self.quantiser.codes(self._latent(self.log_mel(wave)))

    def log_mel(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] → log-mel [B, n_mels, F], the host's."""
        return self.host[0].log_mel(wave)

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, K, T] → wave [B, 1, N]."""
        return self.host[0].vocoder(self.decode_mel(codes))[:, None]

    def decode_mel(self, codes: Tensor) -> Tensor:
        """codes [B, K, T] → log-mel [B, n_mels, T·stride]."""
        return self._mel(self.quantiser.lookup(codes))

    def values(self) -> Tensor:
        """The vectors that codes stand for, [K, vocab, D] in [-1, 1]; the same in every stream."""
        return self.quantiser.entry_values().expand(self.streams, -1, -1)

    def reconstruct_mel(self, mel: Tensor) -> Tensor:
        """log-mel → tokens → log-mel with a straight-through gradient, for training."""
        return self._mel(self.quantiser(self._latent(mel)))

    def _latent(self, mel: Tensor) -> Tensor:
        """log-mel [B, n_mels, F] → [B, T, K·D]; which band it is stands in channels of its own."""
        bands = mel.unflatten(1, (self.streams, self.high))
        which = torch.eye(self.streams, device=mel.device)[None, :, :, None]
        bands = torch.cat([bands, 4 * which.expand(len(mel), -1, -1, mel.shape[2])], 2)
        latent = self.to_latent(self.encoder(bands.flatten(0, 1)))
        return latent.unflatten(0, (-1, self.streams)).transpose(1, 2).flatten(2)

    def _mel(self, values: Tensor) -> Tensor:
        return self.host[0].decoder(self.decoder(values).tanh())[0]
