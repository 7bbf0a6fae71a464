"""Voices: a few seconds of somebody's speech, kept as tokens."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio, plausible_rate, resample
from maskaudio.checkpoints.voices import KIND, VERSION, read_voice_notes
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import NOTHING, SpeechTokeniser, spelled
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import write_file
from maskaudio.loudness import loudness, normalise

SHORTEST, LONGEST = 2.0, 30.0  # seconds of a clip that may become a voice
KEPT = 10.0  # seconds of it that are kept
SPEECH_LIKE = 0.5  # see speech_likeness; below it a clip is not taken for speech
CLIPPED = 0.01  # share of samples at full scale from which a clip is called clipped


@dataclass(frozen=True, eq=False)
class Voice:
    """acoustic [K, T] and semantic [T] tokens of a clip, hashes of what made them, what is known of it."""

    name: str
    acoustic: Tensor
    semantic: Tensor
    codec_hash: str
    tokens_hash: str
    about: dict[str, str] = field(default_factory=dict)  # language, description, licence, source

    def save(self, path: Path, *, overwrite: bool = True) -> None:
        """Write the voice, whole or not at all (safetensors, 16 bits a token)."""
        from safetensors.torch import save

        about = {
            "kind": KIND,
            "version": VERSION,
            "codec_hash": self.codec_hash,
            "tokens_hash": self.tokens_hash,
            "about": json.dumps(self.about, ensure_ascii=False, sort_keys=True),
        }
        parts = {"acoustic": self.acoustic, "semantic": self.semantic}
        parts = {k: x.cpu().to(torch.uint16).contiguous() for k, x in parts.items()}
        write_file(path, save(parts, metadata=about), overwrite=overwrite)

    @classmethod
    def load(cls, path: Path) -> "Voice":
        """Read a voice file. Raises UsageError where there is none, MaskaudioError where it is damaged."""
        from safetensors.torch import load_file

        about = read_voice_notes(path)
        hashes = about.pop("codec_hash"), about.pop("tokens_hash")
        parts = load_file(path)
        if parts.keys() != {"acoustic", "semantic"}:
            raise MaskaudioError(f"{path}: damaged voice file")
        acoustic, semantic = parts["acoustic"].long(), parts["semantic"].long()
        if acoustic.dim() != 2 or semantic.shape != acoustic.shape[1:] or not semantic.numel():
            raise MaskaudioError(f"{path}: damaged voice file (its tokens do not fit together)")
        return cls(path.stem, acoustic, semantic, *hashes, about)


@torch.inference_mode()
def voice_from_clip(
    clip: Audio, name: str, codec: Codec, tokeniser: SpeechTokeniser, about: dict[str, str] | None = None
) -> Voice:
    """The voice of a clip of any rate and number of channels, 2 to 30 s of speech.

    Silence at its ends goes, its loudness becomes that of our speech, its first 10 s are kept. Raises
    UsageError with the reason where nobody can be heard well enough.
    """
    wave, rate = clip.samples.mean(0), clip.sample_rate
    if not plausible_rate(rate):
        raise UsageError(f"{name}: no recording has a sample rate of {rate} Hz")
    if clip.duration > LONGEST:
        raise UsageError(
            f"{name}: {clip.duration:.0f} s; give {SHORTEST:g} to {LONGEST:g} s of one person speaking"
        )
    if np.abs(wave).max() < 1e-3 or loudness(wave, rate) < -60:
        raise UsageError(f"{name}: silent; give {SHORTEST:g} to {LONGEST:g} s of one person speaking")
    top = np.abs(wave).max()
    if top >= 0.99 and (np.abs(wave) >= 0.995 * top).mean() > CLIPPED:
        raise UsageError(f"{name}: clipped (recorded too loud); record it again at a lower level")
    wave = trim(resample(np.ascontiguousarray(wave), rate, codec.sample_rate), codec.sample_rate)
    seconds = len(wave) / codec.sample_rate
    if seconds < SHORTEST:
        raise UsageError(f"{name}: {seconds:.1f} s of sound; a voice needs {SHORTEST:g} s or more")
    about = {"seconds": f"{seconds:.2f}", **(about or {})}  # of all of it, for whoever gives its words
    wave = normalise(wave[: round(KEPT * codec.sample_rate)], codec.sample_rate).astype(np.float32)
    frame = round(codec.sample_rate / codec.frame_rate)
    device = next(tokeniser.parameters()).device
    wave = torch.from_numpy(wave[: len(wave) // frame * frame])[None, None].to(device)
    semantic = tokeniser.encode(wave)
    if (score := speech_likeness(tokeniser, semantic)) < SPEECH_LIKE:
        raise UsageError(f"{name}: this does not sound like speech ({score:.2f} of {SPEECH_LIKE:g})")
    acoustic = codec.encode(wave)[0]
    return Voice(name, acoustic.cpu(), semantic[0, 0].cpu(), codec.hash, tokeniser.hash, about)


def speech_likeness(tokeniser: SpeechTokeniser, semantic: Tensor) -> float:
    """How sure the tokeniser is of the phones it hears in tokens [1, 1, T], 0 to 1; 0 where it hears too few.

    The mean probability of the likeliest phone over the frames that are not silence. People say 5 to 25
    phones a second.
    """
    heard = tokeniser.hear(semantic)[0].exp()
    best, which = heard.max(-1)
    voiced = which != NOTHING
    seconds = semantic.shape[-1] / tokeniser.frame_rate
    phones = len(spelled(tokeniser.spell(semantic)[0], heard.shape[0]))
    if voiced.float().mean() < 0.2 or not 3 <= phones / seconds <= 25:
        return 0.0
    return float(best[voiced].mean())


def trim(wave: np.ndarray, sample_rate: int, margin: float = 0.1) -> np.ndarray:
    """wave [N] without what is 40 dB under its loudest at its ends, but for `margin` seconds."""
    hop = sample_rate // 100
    frames = len(wave) // hop
    if not frames:
        return wave
    level = np.sqrt(np.square(wave[: frames * hop]).reshape(frames, hop).mean(1))
    loud = np.flatnonzero(level > max(1e-4, level.max() * 0.01))
    if not len(loud):
        return wave[:0]
    keep = math.ceil(margin * 100)
    return wave[max(0, loud[0] - keep) * hop : (loud[-1] + 1 + keep) * hop]
