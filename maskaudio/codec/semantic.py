"""The speech tokeniser: one stream of tokens that carries what is said, hardly who says it.

A phone recogniser with a quantiser in its middle (CosyVoice, arXiv 2407.05407, section 2.1): what gets
through the narrow place has to be what the phones need. It is also our aligner and our judge of candidates.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.codec.fsq import GroupedFSQ
from maskaudio.codec.mel import MelSpectrogram
from maskaudio.codec.neural import Encoder
from maskaudio.networks.attention import check_heads, rotary_table
from maskaudio.networks.convnext import ConvNeXt
from maskaudio.networks.layer import Layer
from maskaudio.text.phones import PHONES

NOTHING = 0  # class 0 of both heads: silence frame by frame, the blank of CTC; phone p is class p + 1
FINER = 2  # phones are told twice as often as there are tokens


@dataclass(frozen=True)
class TokeniserConfig:
    """Shape of a speech tokeniser. `stride` mel frames (of `hop` samples) make one token."""

    sample_rate: int = 24000
    n_fft: int = 960
    hop: int = 240
    n_mels: int = 100
    stride: int = 4
    levels: tuple[int, ...] = (8, 5, 5, 5)
    dim: int = 256
    encoder_layers: int = 6
    encoder_attention: int = 2  # attention layers in front of the quantiser
    decoder_layers: int = 3
    decoder_attention: int = 2
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_heads(self.dim, self.heads)


@dataclass(frozen=True)
class Heard:
    """What the tokeniser hears in [B, T] tokens.

    early: CTC logits [B, T, 1 + phones] from before the quantiser; ctc and frames: logits [B, 2T, 1 + phones]
    from behind it; features [B, T, dim].
    """

    early: Tensor
    ctc: Tensor
    frames: Tensor
    features: Tensor


class SpeechTokeniser(nn.Module):
    """wave [B, 1, N] → tokens [B, 1, T], T = ceil(N / (hop·stride)); tokens → phones."""

    def __init__(self, config: TokeniserConfig):
        super().__init__()
        c = self.config = config
        self.sample_rate = c.sample_rate
        self.frame_rate = c.sample_rate / (c.hop * c.stride)
        self.mel = MelSpectrogram(c.sample_rate, c.n_fft, c.hop, c.n_mels)
        self.encoder = Encoder(c.n_mels, c.dim, c.encoder_layers, c.stride)
        self.encoder_attention = self._attention(c.encoder_attention)
        self.to_latent = nn.Linear(c.dim, len(c.levels))
        self.quantiser = GroupedFSQ(c.levels, 1)
        self.vocab = self.quantiser.entries
        self.embed = nn.Linear(len(c.levels), c.dim)
        self.decoder = ConvNeXt(c.dim, c.decoder_layers)
        self.decoder_attention = self._attention(c.decoder_attention)
        self.norm = nn.RMSNorm(c.dim)
        classes = 1 + len(PHONES)
        self.early = nn.Linear(c.dim, classes)
        self.ctc = nn.Linear(c.dim, FINER * classes)
        self.frames = nn.Linear(c.dim, FINER * classes)

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N] in [-1, 1] at `sample_rate` → tokens [B, 1, T] int64 (the end is zero-padded)."""
        frame = self.config.hop * self.config.stride
        mel = self.mel(F.pad(wave[:, 0], (0, -wave.shape[-1] % frame)))
        return self.tokens_of(mel)

    def values(self) -> Tensor:
        """The vectors that tokens stand for, [1, vocab, D]."""
        return self.quantiser.entry_values()[None]

    def tokens_of(self, mel: Tensor, valid: Tensor | None = None) -> Tensor:
        """log-mel [B, n_mels, F] → tokens [B, 1, F / stride]; valid: see `listen`."""
        return self.quantiser.codes(self.to_latent(self._listen(mel, valid)))

    def hear(self, tokens: Tensor, valid: Tensor | None = None) -> Tensor:
        """Tokens [B, 1, T] → log-probabilities [B, 2T, 1 + phones] of silence and phones in each frame."""
        return self.frames_of(self._read(self.quantiser.lookup(tokens), valid)).log_softmax(-1)

    def spell(self, tokens: Tensor, valid: Tensor | None = None) -> Tensor:
        """Tokens [B, 1, T] → log-probabilities [B, 2T, 1 + phones] for CTC (class 0 is its blank)."""
        return self.ctc_of(self._read(self.quantiser.lookup(tokens), valid)).log_softmax(-1)

    def listen(self, mel: Tensor, valid: Tensor | None = None, quantised: bool = True) -> Heard:
        """log-mel [B, n_mels, F] → everything that is trained, with a straight-through gradient.

        valid: bool [B, F / stride], which tokens are of a clip and not of what fills up the batch.
        quantised: False passes the numbers on as they are before rounding, to see what rounding costs.
        """
        encoded = self._listen(mel, valid)
        latent = self.to_latent(encoded)
        latent = self.quantiser(latent) if quantised else self.quantiser.bounded(latent)
        features = self._read(latent, valid)
        return Heard(self.early(encoded), self.ctc_of(features), self.frames_of(features), features)

    def ctc_of(self, features: Tensor) -> Tensor:
        return _finer(self.ctc(features).float())

    def frames_of(self, features: Tensor) -> Tensor:
        return _finer(self.frames(features).float())

    def _listen(self, mel: Tensor, valid: Tensor | None) -> Tensor:
        return self._attend(self.encoder_attention, self.encoder(mel), valid)

    def _read(self, quantised: Tensor, valid: Tensor | None) -> Tensor:
        x = self.decoder(self.embed(quantised))
        return self.norm(self._attend(self.decoder_attention, x, valid))

    def _attention(self, layers: int) -> nn.ModuleList:
        c = self.config
        return nn.ModuleList(Layer(c.dim, c.heads, c.dropout) for _ in range(layers))

    def _attend(self, layers: nn.ModuleList, x: Tensor, valid: Tensor | None) -> Tensor:
        rotary = rotary_table(x.shape[1], self.config.dim // self.config.heads, x.device)
        for layer in layers:
            x = layer(x, rotary, valid=valid)
        return x


def _finer(x: Tensor) -> Tensor:
    """[B, T, FINER·classes] → [B, FINER·T, classes]."""
    return x.unflatten(-1, (FINER, -1)).flatten(1, 2)


def spelled(log_p: Tensor, length: int) -> list[int]:
    """The phones (indices into PHONES) that CTC log-probabilities [T, classes] spell in `length` frames."""
    best = log_p[:length].argmax(-1)
    changed = torch.ones_like(best, dtype=torch.bool)
    changed[1:] = best[1:] != best[:-1]
    return [int(i) - 1 for i in best[changed] if i != NOTHING]
