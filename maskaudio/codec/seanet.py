"""Audiocraft's compression models, EnCodec at 32 and 16 kHz, as one of our codecs.

They are EnCodec (arXiv 2210.13438) in other shapes: SEANet either way, built of the modules of the `encodec`
package, and a residual quantiser. Weight norm is folded in when a checkpoint is converted.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from maskaudio.codec.rvq import ResidualVQ
from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError


@dataclass(frozen=True)
class SeanetConfig:
    """Shape of a compression model; `ratios` are those of the decoder, coarse to fine.

    `pad_mode` is what convolutions hear beyond the ends: `constant` (nothing) or `reflect`.
    """

    sample_rate: int
    ratios: tuple[int, ...]
    streams: int
    vocab: int
    dim: int
    filters: int
    pad_mode: str
    residual_layers: int = 1
    kernel: int = 7
    residual_kernel: int = 3
    last_kernel: int = 7
    dilation_base: int = 2
    compress: int = 2
    lstm: int = 2
    true_skip: bool = True
    causal: bool = False

    def __post_init__(self) -> None:
        if self.pad_mode not in ("constant", "reflect"):
            raise MaskaudioError(f"pad_mode: '{self.pad_mode}' is neither constant nor reflect")
        if not self.ratios or min(self.ratios) < 1:
            raise MaskaudioError("ratios: whole numbers of 1 or more")


class SeanetCodec(nn.Module):
    """wave [B, 1, N] ⇄ codes [B, K, T], as the published model makes them."""

    layout = "residual"

    def __init__(self, config: SeanetConfig):
        super().__init__()
        load_torchaudio()  # encodec imports it
        from encodec.modules import SEANetDecoder, SEANetEncoder

        c = self.config = config
        self.name, self.hash = "", ""  # set when weights are loaded
        self.sample_rate, self.streams, self.vocab = c.sample_rate, c.streams, c.vocab
        self.hop = math.prod(c.ratios)  # samples to a frame
        self.frame_rate = c.sample_rate / self.hop
        shape = {
            "dimension": c.dim,
            "n_filters": c.filters,
            "n_residual_layers": c.residual_layers,
            "ratios": list(c.ratios),
            "norm": "none",
            "kernel_size": c.kernel,
            "last_kernel_size": c.last_kernel,
            "residual_kernel_size": c.residual_kernel,
            "dilation_base": c.dilation_base,
            "causal": c.causal,
            "pad_mode": c.pad_mode,
            "true_skip": c.true_skip,
            "compress": c.compress,
            "lstm": c.lstm,
        }
        self.encoder, self.decoder = SEANetEncoder(**shape), SEANetDecoder(**shape)
        self.quantiser = ResidualVQ(c.streams, c.vocab, c.dim)

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, C, N], full scale 1, heard in mono → codes [B, K, ⌈N / hop⌉] int64."""
        latent = self.encoder(wave.mean(1, keepdim=True))
        return self.quantiser.codes(latent.transpose(1, 2), self.streams)

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ K → wave [B, 1, hop·T]."""
        return self.decoder(self.quantiser.lookup(codes).transpose(1, 2))

    def values(self) -> Tensor:
        """The vectors that codes stand for, [K, vocab, dim]."""
        return self.quantiser.codebooks
