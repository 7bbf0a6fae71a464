"""A speech model with all it needs, and its two stages: units → semantic tokens → acoustic codes."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import read_audio
from maskaudio.checkpoints.folder import build
from maskaudio.checkpoints.registry import find_model, read_config
from maskaudio.checkpoints.voices import voice_files
from maskaudio.codec.load import load_codec, load_tokeniser
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import FINER, NOTHING, SpeechTokeniser, spelled
from maskaudio.config import from_dict
from maskaudio.decoding.engine import Grid, Progress, decode
from maskaudio.decoding.plan import Plan
from maskaudio.devices import pick_dtype, quick_dtype
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.speech import SpeechConfig, SpeechNetwork
from maskaudio.pipelines.voices import LONGEST, Voice, voice_from_clip
from maskaudio.text.phones import PHONES
from maskaudio.text.script import read_script
from maskaudio.text.units import Units, units

PROMPT = 3.0  # seconds of a voice that stay revealed in front of what is said; the rest goes into its vector
SLOWEST, FASTEST = 0.3, 3.0  # pace


@dataclass(frozen=True)
class SpeechModel:
    """Everything `speak` needs: loaded once per process and shared."""

    name: str
    folder: Path
    network: SpeechNetwork
    codec: Codec
    tokeniser: SpeechTokeniser
    semantic: Plan
    acoustic: Plan

    @property
    def device(self) -> torch.device:
        """Where the networks lie."""
        return next(self.network.parameters()).device

    def voice(self, name: str | Path | Voice) -> Voice:
        """A voice by name (a str), or out of a voice file or a clip of 2 to 30 s."""
        if isinstance(name, Voice):
            return self._fitting(name)
        known = {} if isinstance(name, Path) else voice_files(self.folder)
        if file := known.get(name):
            return self._fitting(Voice.load(file))
        path = Path(name)
        if not path.is_file():
            if isinstance(name, Path):
                raise UsageError(f"{path}: no such file")
            there = ", ".join(known) or "none"
            raise UsageError(f"unknown voice '{name}' (there is: {there}; or give a clip of 2 to 30 s)")
        if path.suffix == ".safetensors":
            return self._fitting(Voice.load(path))
        return voice_from_clip(read_audio(path, LONGEST), path.name, self.codec, self.tokeniser)

    def _fitting(self, voice: Voice) -> Voice:
        if (voice.codec_hash, voice.tokens_hash) != (self.codec.hash, self.tokeniser.hash):
            raise MaskaudioError(f"voice '{voice.name}' is for another model; add it again from its clip")
        enough = len(voice.acoustic) >= self.network.acoustic.streams and len(voice.semantic) > 1
        known = voice.acoustic.max() < self.codec.vocab and voice.semantic.max() < self.tokeniser.vocab
        if not (enough and known):
            raise MaskaudioError(f"voice '{voice.name}': damaged (its tokens are none of this model's)")
        return voice


@dataclass(frozen=True)
class Companions:
    """What config.json of a speech model names beside the network's shape."""

    codec: str
    codec_hash: str
    tokens: str
    tokens_hash: str
    semantic: Plan
    acoustic: Plan


def load(model: str | Path = "speech", device: str = "cpu", dtype: str | None = None) -> SpeechModel:
    """The speech model of a name or folder, loaded once per process.

    dtype: what the networks that fill grids compute in, see `quick_dtype`. Raises MaskaudioError where the
    model is missing or damaged, UsageError for an unknown dtype.
    """
    return _load(str(model), device, dtype or quick_dtype(device))


@functools.lru_cache(maxsize=2)
def _load(model: str, device: str, dtype: str) -> SpeechModel:
    computes = pick_dtype(dtype)
    folder = find_model(model, "speech")
    table = read_config(folder)
    asked = {field.name: table[field.name] for field in fields(Companions) if field.name in table}
    companions = from_dict(Companions, asked, f"{folder}/config.json")
    network = build(SpeechNetwork, SpeechConfig, folder, "speech").to(device)
    network.semantic.computes = network.acoustic.computes = computes
    codec = load_codec(companions.codec, device)
    tokeniser = load_tokeniser(companions.tokens, device)
    for what, hash_now, hash_then in (
        ("codec", codec.hash, companions.codec_hash),
        ("tokeniser", tokeniser.hash, companions.tokens_hash),
    ):
        if hash_now != hash_then:
            raise MaskaudioError(
                f"{folder}: made for {what} {hash_then}, this one is {hash_now}; train it again"
            )
    stages_fit = len(companions.acoustic.stages) == network.acoustic.stages
    if not (stages_fit and network.acoustic.streams <= codec.streams):
        raise MaskaudioError(f"{folder}/config.json: streams of plan, network and codec do not fit")
    return SpeechModel(
        folder.name, folder, network, codec, tokeniser, companions.semantic, companions.acoustic
    )


@torch.inference_mode()
def unit_features(speech: SpeechModel, said: Units) -> Tensor:
    """What the text reader makes of a sentence, with a gap before and after it: [1, n + 2, dim]."""
    parts = (said.index, said.stress, said.long)
    return speech.network.text(*(torch.from_numpy(np.pad(x, 1))[None].to(speech.device) for x in parts))


def side_by_side(rows: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Rows [1, T, …] of different lengths as one batch, zeros behind the shorter ones, and their lengths."""
    lengths = [row.shape[1] for row in rows]
    return torch.nn.utils.rnn.pad_sequence([row[0] for row in rows], batch_first=True), lengths


@torch.inference_mode()
def unit_frames(speech: SpeechModel, features: Tensor) -> Tensor:
    """How many frames each unit of a sentence, and the gaps around it, take: [n + 2]."""
    return speech.network.durations(features)[0].cpu()


def what_is_asked(speech: SpeechModel, features: Tensor, durations: Tensor) -> Tensor:
    """What each frame is to say where units last `durations` [n + 2] frames: [1, T, dim]."""
    frames = max(1, round(float(durations.sum())))
    return speech.network.asked(features, durations[None].to(speech.device), frames)


def speak_tokens(
    speech: SpeechModel, asked: Tensor, plan: Plan, seeds: list[int], lengths: list[int] | None = None
) -> Tensor:
    """Stage 1: what each frame is to say, [1 or B, T, dim] → semantic tokens [B, T], an item a seed.

    lengths: frames of each item, where some are longer.
    """
    network, count = speech.network, len(seeds)
    asked = asked.expand(count, -1, -1)
    grid, own = _padded(Grid.blank(count, 1, asked.shape[1]), lengths, speech.device)
    unconditional = None
    if plan.stages[0].guidance != 1.0:
        dropped = torch.ones(count, dtype=torch.bool, device=speech.device)
        unconditional = network.text_condition(asked, dropped, own)
    codes = decode(
        network.semantic,
        grid,
        network.text_condition(asked, valid=own),
        plan,
        seeds,
        unconditional=unconditional,
        values=speech.tokeniser.values().cpu(),
        lengths=lengths,
    )
    return codes[:, 0]


def voice_tokens(
    speech: SpeechModel,
    semantic: Tensor,
    voice: Voice | Sequence[Voice],
    plan: Plan,
    seeds: list[int],
    *,
    asked: Tensor | None = None,
    lengths: list[int] | None = None,
    observer: Callable[[Progress], None] | None = None,
) -> Tensor:
    """Stage 2: semantic tokens [B, T] → acoustic codes [B, K, T] in the voice, whose tokens stay revealed.

    voice: of all items, or one each, of equal `prompt_frames`. asked: what each frame is to say,
    [1 or B, T, dim], where a text is known. lengths: frames of each item, where some are longer.
    """
    count, frames = len(semantic), semantic.shape[1]
    voices = [voice] * count if isinstance(voice, Voice) else list(voice)
    streams = speech.network.acoustic.streams
    prompt = prompt_frames(speech, voices[0], plan)
    grid = Grid.blank(count, streams, prompt + frames)
    grid.codes[:, :, :prompt] = torch.stack([v.acoustic[:streams, :prompt] for v in voices])
    grid.known[:, :, :prompt] = True
    tokens = torch.cat([torch.stack([v.semantic[:prompt] for v in voices]), semantic.cpu()], 1)
    if asked is not None:  # nobody knows the words of the prompt
        asked = torch.nn.functional.pad(asked, (0, 0, prompt, 0))
    lengths = lengths and [prompt + n for n in lengths]
    manner = {"asked": asked, "lengths": lengths, "observer": observer}
    return fill_tokens(speech, grid, tokens, voices, plan, seeds, **manner)[:, :, prompt:]


def prompt_frames(speech: SpeechModel, voice: Voice, plan: Plan) -> int:
    """How many frames of a voice stay revealed in front of what is said; spans begin where they end."""
    return (
        min(round(PROMPT * speech.codec.frame_rate), voice.semantic.shape[0])
        // plan.span_length
        * plan.span_length
    )


def fill_tokens(
    speech: SpeechModel,
    grid: Grid,
    semantic: Tensor,
    voice: Voice | Sequence[Voice],
    plan: Plan,
    seeds: list[int],
    *,
    asked: Tensor | None = None,
    lengths: list[int] | None = None,
    observer: Callable[[Progress], None] | None = None,
) -> Tensor:
    """Stage 2 on a grid [B, K, T] that is known in places, with the semantic tokens [B, T] of all of it.

    asked: what each frame is to say, [1 or B, T, dim], where a text is known; it counts where the first
    stream is unknown. voice and lengths as in `voice_tokens`.
    """
    network, count = speech.network, len(semantic)
    tokens = semantic.to(speech.device)
    voices = [voice] * count if isinstance(voice, Voice) else list(voice)
    codes = {id(v): v.acoustic[None, : network.acoustic.streams].to(speech.device) for v in voices}
    heard = {key: network.voice_of(acoustic) for key, acoustic in codes.items()}
    who = torch.cat([heard[id(v)] for v in voices])
    text: dict[str, Tensor] = {}
    if asked is not None:
        text = {"asked": asked.expand(count, -1, -1), "told": ~grid.known[:, 0].to(speech.device)}
    grid, own = _padded(grid, lengths, speech.device)
    unconditional = None
    if any(stage.guidance != 1.0 for stage in plan.stages):
        dropped = torch.ones(count, dtype=torch.bool, device=speech.device)
        unconditional = network.speech_condition(tokens, who, dropped, valid=own)
    return decode(
        network.acoustic,
        grid,
        network.speech_condition(tokens, who, **text, valid=own),
        plan,
        seeds,
        unconditional=unconditional,
        values=speech.codec.values()[: network.acoustic.streams].cpu(),
        lengths=lengths,
        observer=observer,
    )


def _padded(grid: Grid, lengths: list[int] | None, device: torch.device) -> tuple[Grid, Tensor | None]:
    """A grid of which nothing is to be filled behind `lengths`, and which frames are an item's own [B, T]."""
    if lengths is None:
        return grid, None
    own = torch.arange(grid.codes.shape[2]) < torch.tensor(lengths)[:, None]
    return Grid(grid.codes, grid.known | ~own[:, None]), own.to(device)


@torch.inference_mode()
def voice_pace(speech: SpeechModel, voice: Voice, text: str | None, language: str) -> float:
    """How fast a voice's clip is spoken, 1 being the model's pace; from its `text` or the phones heard."""
    tokens = voice.semantic[None, None].to(speech.device)
    if text is not None:
        said = units(" ".join(s.phones for s in read_script(text, language=language)))
        usual = natural_frames(speech, said)
        taken = float(voice.about.get("seconds", 0)) * speech.codec.frame_rate or len(voice.semantic)
    else:  # phones alone, without the silence between them
        log_p = speech.tokeniser.spell(tokens)[0]
        said = units("".join(PHONES[i] for i in spelled(log_p, len(log_p))))
        usual = float(unit_frames(speech, unit_features(speech, said))[1:-1].sum())
        taken = float((speech.tokeniser.hear(tokens)[0].argmax(-1) != NOTHING).sum()) / FINER
    if not len(said) or not taken:
        raise UsageError(f"voice '{voice.name}': no words are heard in it; give --speed a number")
    return min(FASTEST, max(SLOWEST, usual / taken))


def natural_frames(speech: SpeechModel, said: Units) -> float:
    """Frames of a sentence at a pace of 1."""
    return float(unit_frames(speech, unit_features(speech, said)).sum())


def understood(tokeniser: SpeechTokeniser, waves: Tensor, said: Units) -> Tensor:
    """How likely the tokeniser finds `said` in each wave [B, N]: log-probability a phone, [B]."""
    log_p = tokeniser.spell(tokeniser.encode(waves[:, None].to(next(tokeniser.parameters()).device))).cpu()
    phones = torch.from_numpy(said.phones)[None].expand(len(waves), -1) + 1
    lengths = torch.full((len(waves),), log_p.shape[1])
    counts = torch.full((len(waves),), phones.shape[1])
    loss = torch.nn.functional.ctc_loss(
        log_p.transpose(0, 1), phones, lengths, counts, NOTHING, reduction="none"
    )
    return -loss / counts
