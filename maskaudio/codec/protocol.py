"""What every codec offers: waveform ⇄ token grid."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Codec(Protocol):
    """A codec of `streams` token streams; what made a token file is told by `name` and `hash`."""

    name: str
    hash: str  # of everything that decides tokens: two codecs of one hash read each other's grids
    sample_rate: int  # Hz
    frame_rate: float  # token frames a second
    streams: int
    vocab: int  # tokens are 0 … vocab − 1 in every stream
    layout: str  # "residual": stream k refines k − 1; "bands": stream k is a frequency band

    def encode(self, wave: Tensor) -> Tensor:
        """wave [B, 1, N], full scale 1 → codes [B, streams, T] int64."""

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, j, T], j ≤ streams → wave [B, C, ≥ the N that gave T frames]; C is 1, or 2 for stereo."""

    def values(self) -> Tensor:
        """The vectors that codes stand for, [streams, vocab, D]: near ones sound alike."""
