"""MaskGCT's semantic tokens: what w2v-bert-2.0 hears in a voice, quantised (arXiv 2409.00750, section 3.2.1).

One stream at 50 tokens a second. The features are those of the transformers library (the extra `published`).
"""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor, nn

from maskaudio.codec.factorised import FactorisedRVQ
from maskaudio.codec.filter_banks import filter_banks
from maskaudio.codec.vocos import VocosBackbone
from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError, first_line


@dataclass(frozen=True)
class SemanticCodecConfig:
    """Shape of the quantiser's network."""

    vocab: int = 8192
    features: int = 1024
    code_dim: int = 8
    dim: int = 384
    hidden: int = 2048
    layers: int = 12


class SemanticCodec(nn.Module):
    """Features [B, T, D] of zero mean and unit variance ⇄ tokens [B, 1, T]."""

    def __init__(self, config: SemanticCodecConfig):
        super().__init__()
        c = self.config = config
        self.vocab = c.vocab
        self.encoder, self.decoder = (
            nn.Sequential(VocosBackbone(c.features, c.dim, c.hidden, c.layers), nn.Linear(c.dim, c.features))
            for _ in range(2)
        )
        self.quantizer = FactorisedRVQ(1, c.vocab, c.features, c.code_dim)

    def encode(self, features: Tensor) -> Tensor:
        """Features [B, T, D] → tokens [B, 1, T] int64."""
        return self.quantizer.codes(self.encoder(features.transpose(1, 2)).transpose(1, 2))

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens [B, 1, T] → features [B, T, D] as they were, nearly."""
        return self.decoder(self.quantizer.lookup(tokens))


class Ear(nn.Module):
    """Speech [N] at 16 kHz → features [1, T, D] of zero mean and unit variance, T = ceil(frames / 2).

    network: the first layers of w2v-bert-2.0, whose last output counts; mean and variance [D] are of it over
    the corpus that MaskGCT was trained on.
    """

    def __init__(self, network: nn.Module, mean: Tensor, variance: Tensor):
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", variance.sqrt())

    def forward(self, wave: Tensor) -> Tensor:
        """As published, the last row of an odd number of frames is half padding, and counts all the same."""
        rows, whole = filter_banks(wave)
        rows, whole = rows.to(self.mean), whole.to(self.mean.device)
        heard = self.network(input_features=rows, attention_mask=whole.int()).last_hidden_state
        return (heard - self.mean) / self.deviation


def load_ear(source: str | Path, layers: int, mean: Tensor, variance: Tensor, device: str = "cpu") -> Ear:
    """The first `layers` layers of the w2v-bert network at `source`, a folder or a name on the hub.

    Raises MaskaudioError where transformers or the network is not here and cannot be fetched, or the network
    does not fit the statistics.
    """
    load_torchaudio()  # transformers imports it
    try:
        from transformers import Wav2Vec2BertModel
        from transformers.utils import logging
    except ImportError:
        raise MaskaudioError("MaskGCT needs w2v-bert-2.0: pip install 'maskaudio[published]'") from None
    logging.set_verbosity_error()  # layers that are left out are no news
    logging.disable_progress_bar()
    try:
        network = Wav2Vec2BertModel.from_pretrained(str(source), num_hidden_layers=layers)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise MaskaudioError(
            f"w2v-bert network '{source}' is not here or damaged ({first_line(error)})"
        ) from None
    if network.config.hidden_size != len(mean):
        raise MaskaudioError(
            f"w2v-bert network '{source}': {network.config.hidden_size} features, statistics of {len(mean)}"
        )
    return Ear(network, mean, variance).eval().requires_grad_(False).to(device)
