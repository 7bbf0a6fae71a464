"""Other words in a recording: new tokens between those that are known, in the voice of the whole clip."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from maskaudio.audio import Audio, resample
from maskaudio.checks import pick_seed
from maskaudio.codec.alignment import spot
from maskaudio.decoding.engine import Grid, Progress
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.pipelines.speech_model import (
    fill_tokens,
    load,
    speak_tokens,
    unit_features,
    unit_frames,
    what_is_asked,
)
from maskaudio.pipelines.tags import provenance
from maskaudio.pipelines.voices import voice_from_clip
from maskaudio.splicing import splice
from maskaudio.text.phones import PAUSES
from maskaudio.text.script import read_script
from maskaudio.text.units import Units, units

CONTEXT = 4.0  # seconds that are heard on either side
SAID = 2.5  # nats a phone, see `spot`: words that cost more are not said
PACE = (0.7, 1.5)  # how much faster or slower than the model a clip's words may be taken to be


@torch.inference_mode()
def reword(
    audio: Audio,
    old: str,
    new: str,
    *,
    language: str = "en-us",
    engine: str = "lexicon",
    seed: int | None = None,
    model: str | Path = "speech",
    device: str = "auto",
    observer: Callable[[Progress], None] | None = None,
) -> Audio:
    """A recording (2 to 30 s of one person) in which the words `old` have become `new`.

    The words are found by the tokeniser. All other samples are the recording's own; it becomes longer or
    shorter by what the new words need, at the pace of the old ones. Raises UsageError where `old` is not
    said, or one of both has no word that can be spoken.
    """
    seed = pick_seed(seed)
    was, becomes = (_words(text, language, engine) for text in (old, new))
    speech = load(model, pick_device(device))
    codec, rate = speech.codec, audio.sample_rate
    voice = voice_from_clip(audio, "the recording", codec, speech.tokeniser)
    wave = resample(np.ascontiguousarray(audio.samples.mean(0)), rate, codec.sample_rate)
    batch = torch.from_numpy(wave)[None, None].to(speech.device)
    acoustic = codec.encode(batch)[0, : speech.network.acoustic.streams].cpu()
    semantic = speech.tokeniser.encode(batch)[0, 0].cpu()
    found = spot(speech.tokeniser, semantic, was)
    if found is None or found[2] > SAID:
        raise UsageError(f'"{old}" is not said in the recording, or not clearly enough')
    start, end, _ = found

    first, last = (round(t * codec.frame_rate) for t in (start, end))
    usual = unit_frames(speech, unit_features(speech, was))[1:-1].sum()
    pace = float(np.clip((last - first) / max(1.0, float(usual)), *PACE))
    features = unit_features(speech, becomes)
    durations = unit_frames(speech, features) * pace
    durations[0] = durations[-1] = 0.0  # no gaps: the recording goes on
    asked = what_is_asked(speech, features, durations)
    fresh = speak_tokens(speech, asked, speech.semantic, [seed])
    count, reach = fresh.shape[1], round(CONTEXT * codec.frame_rate)
    before, after = slice(max(0, first - reach), first), slice(last, last + reach)
    left, right = first - before.start, acoustic[:, after].shape[1]
    grid = Grid.blank(1, len(acoustic), left + count + right)
    grid.codes[0, :, :left], grid.codes[0, :, left + count :] = acoustic[:, before], acoustic[:, after]
    grid.known[:, :, :left] = grid.known[:, :, left + count :] = True
    tokens = torch.cat([semantic[before][None], fresh.cpu(), semantic[after][None]], 1)
    asked = torch.nn.functional.pad(asked, (0, 0, left, right))
    codes = fill_tokens(speech, grid, tokens, voice, speech.acoustic, [seed], asked=asked, observer=observer)
    made = codec.decode(codes.to(speech.device))[0].mean(0).float().cpu().numpy()
    made = resample(made, codec.sample_rate, rate)
    place, words = (_samples(x, codec.frame_rate, rate) for x in ((first, last), (left, left + count)))
    samples = _spliced(audio.samples, place, made, words, rate)
    tags = provenance(speech.name, new, seed, reworded=f"{start:.2f}-{end:.2f}")
    return Audio(samples, rate, tags, audio.bits)


def _samples(frames: tuple[int, int], frame_rate: float, rate: int) -> slice:
    """From a first to a last frame, in samples."""
    return slice(*(round(frame / frame_rate * rate) for frame in frames))


def _spliced(samples: np.ndarray, place: slice, made: np.ndarray, words: slice, rate: int) -> np.ndarray:
    """samples [C, N] with `words` of what was `made` [M] at `place`; what lies around says how loud."""
    made = np.pad(made, (0, max(0, words.stop - len(made))))
    new, around = made[words], np.concatenate([made[: words.start], made[words.stop :]])
    before = slice(max(0, place.start - words.start), place.start)
    after = slice(place.stop, place.stop + len(made) - words.stop)
    own = np.concatenate([samples[:, before], samples[:, after]], 1)
    level = np.sqrt(np.square(own).mean(1, keepdims=True) / max(1e-9, float(np.square(around).mean())))
    new = (new[None] * np.clip(level, 0.0, 4.0)).astype(np.float32)
    return splice(samples, place, new, rate)


def _words(text: str, language: str, engine: str) -> Units:
    """The units of one stretch of words, without the pauses around it."""
    symbols = " ".join(sentence.phones for sentence in read_script(text, language=language, engine=engine))
    return units(symbols.strip(" " + "".join(PAUSES)))
