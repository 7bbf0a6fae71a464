"""Token files: a clip as its codec's tokens, about as small as the tokens can be without a model of them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from maskaudio.codec.protocol import Codec
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import write_file

VERSION = "1"
KIND = "maskaudio tokens"


@dataclass(frozen=True, eq=False)
class TokenFile:
    """codes [B, K, T] int64 of B clips, the codec that made them, and their length in samples."""

    codes: Tensor
    codec_name: str
    codec_hash: str
    sample_rate: int
    samples: int

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all (safetensors, 16 bits a token)."""
        from safetensors.torch import save

        if not 0 <= int(self.codes.min()) <= int(self.codes.max()) < 2**16:
            raise MaskaudioError("a token file holds tokens 0 to 65535; mask tokens cannot be stored")
        about = {
            "kind": KIND,
            "version": VERSION,
            "codec": self.codec_name,
            "codec_hash": self.codec_hash,
            "sample_rate": str(self.sample_rate),
            "samples": str(self.samples),
        }
        codes = self.codes.cpu().to(torch.uint16).contiguous()
        write_file(path, save({"codes": codes}, metadata=about))

    @classmethod
    def load(cls, path: Path) -> "TokenFile":
        """Read the file. Raises UsageError where there is none, MaskaudioError where it is cut or foreign."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                codes = file.get_tensor("codes") if list(file.keys()) == ["codes"] else None
        except FileNotFoundError:
            raise UsageError(f"{path}: no such file") from None
        except OSError as error:
            raise MaskaudioError(f"{path}: cannot be read ({error.strerror or error})") from None
        except SafetensorError:
            raise MaskaudioError(f"{path}: not a token file, or cut short") from None
        if about.get("kind") != KIND or codes is None:
            raise MaskaudioError(f"{path}: a safetensors file, but not one of tokens")
        if about.get("version") != VERSION:
            raise MaskaudioError(f"{path}: token file of version {about.get('version')}, not {VERSION}")
        try:
            name, digest = about["codec"], about["codec_hash"]
            rate, samples = int(about["sample_rate"]), int(about["samples"])
        except (KeyError, ValueError):
            raise MaskaudioError(f"{path}: damaged token file (its codec or length is missing)") from None
        if codes.dtype != torch.uint16 or codes.dim() != 3 or codes.numel() == 0 or min(rate, samples) < 1:
            raise MaskaudioError(f"{path}: damaged token file (no grid of tokens)")
        return cls(codes.long(), name, digest, rate, samples)

    def check(self, codec: Codec) -> None:
        """Raises MaskaudioError, naming both codecs, unless `codec` reads these tokens."""
        made, given = f"'{self.codec_name}' ({self.codec_hash})", f"'{codec.name}' ({codec.hash})"
        if self.codec_hash != codec.hash or self.sample_rate != codec.sample_rate:
            raise MaskaudioError(f"these tokens were made by codec {made}; {given} cannot read them")
        streams, top = self.codes.shape[1], int(self.codes.max())
        if streams > codec.streams or top >= codec.vocab:
            raise MaskaudioError(
                f"these tokens ({streams} streams, up to {top}) do not fit codec {given}: "
                f"{codec.streams} streams, up to {codec.vocab - 1}"
            )
