"""Text → speech by MaskGCT, sentence by sentence, in the voice of a clip whose words are known."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.audio import Audio
from maskaudio.checks import check_seed
from maskaudio.codec.filter_banks import HEARING_RATE
from maskaudio.decoding.engine import Grid, Progress, decode
from maskaudio.decoding.plan import Changes, Plan, make_plan
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.loudness import normalise
from maskaudio.pipelines.maskgct_model import SEMANTIC_RATE, MaskgctModel, Prompt, load
from maskaudio.pipelines.saying import Manner, Utterance, dealt, faded
from maskaudio.pipelines.tags import provenance
from maskaudio.text.maskgct_phones import check_language, phones
from maskaudio.text.maskgct_script import sentences
from maskaudio.text.script import Sentence

WHOLE = 30.0  # seconds of prompt and sentence together: what the model was trained on


def utterances(
    text: str,
    manner: Manner,
    *,
    voice: str | Path | None,
    voice_text: str | None,
    language: str | None = None,
    voice_language: str | None = None,
    seed: int = 0,
    model: str | Path = "amphion/MaskGCT",
    device: str = "auto",
    dtype: str | None = None,
    observer: Callable[[Progress], None] | None = None,
) -> Iterator[Utterance]:
    """Say `text` sentence by sentence, each as soon as it is made.

    voice: a clip of 1 to 20 s, best 3 to 10; voice_text: all that is said in it. language: en, de, fr or ko;
    voice_language: the clip's, where it is another. In `manner` a speed of 1 (or None) is the clip's pace,
    phone for phone; steps are reveals over all stages of both networks (the model's own: 70); a guidance of 1
    is none, 3.5 the model's. dtype: see `load`. Raises UsageError for values that make no sense,
    MaskaudioError where something is missing or damaged.
    """
    check_seed(seed)
    if manner.candidates > 1:
        raise UsageError("candidates: a published model has nothing to choose among them with")
    if not (isinstance(voice, str | Path) and str(voice) and (voice_text or "").strip()):
        raise UsageError(
            "MaskGCT speaks in the voice of a clip (--voice) and must know its words (--voice-text)"
        )
    if not Path(voice).is_file():
        raise UsageError(f"voice '{voice}': no such file; MaskGCT takes a clip, not a voice by name")
    language = check_language(language or "en")
    speed = manner.speed or 1.0
    asked = [(s.at(speed), phones(s.text, language) if s.text else []) for s in sentences(text, language)]
    if not any(after for _, after in asked):
        raise UsageError("there is nothing to say: the text holds no word that can be spoken")
    before = phones(voice_text, check_language(voice_language or language))
    if not before:
        raise UsageError("the voice's text holds no word that can be spoken")
    maskgct = load(model, pick_device(device), dtype)
    plans = _plans(maskgct, manner.steps, manner.changes())
    prompt = maskgct.hear_file(Path(voice))
    lengths = _lengths(asked, prompt, len(before), speed, manner.duration)
    tags = provenance(maskgct.name, text, seed, voice=prompt.name)
    for number, ((sentence, after), frames) in enumerate(zip(asked, lengths, strict=True)):
        own_seed = int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:7], "big")
        wave = np.zeros(0, np.float32)
        if after:
            wave = _say(maskgct, prompt, before + after, frames, plans, own_seed, observer)
        audio = Audio(wave[None], maskgct.codec.sample_rate, tags)
        words = ((sentence.text, 0.0, audio.duration),) if after else ()
        yield Utterance(sentence, audio, words)


@torch.inference_mode()
def semantic_tokens(
    maskgct: MaskgctModel,
    prompt: Prompt,
    said: list[int],
    frames: int,
    plan: Plan,
    seed: int,
    observer: Callable[[Progress], None] | None = None,
) -> Tensor:
    """Stage 1: the phones of prompt and sentence → semantic tokens [1, P + frames], the prompt's in front."""
    network = maskgct.text_to_semantic
    told = network.condition(torch.tensor([said]), prompt.semantic.shape[1])
    grid = _behind(prompt.semantic[:, None], frames)
    codes = decode(network, grid, told, plan, [seed], unconditional=network.nothing(told), observer=observer)
    return codes[:, 0]


@torch.inference_mode()
def acoustic_codes(
    maskgct: MaskgctModel,
    prompt: Prompt,
    semantic: Tensor,
    plan: Plan,
    seed: int,
    observer: Callable[[Progress], None] | None = None,
) -> Tensor:
    """Stage 2: semantic tokens [1, T] of prompt and sentence → acoustic codes [1, K, T − Q] of the sentence.

    As published, a prompt of a frame more or less in one codec than in the other shifts the sentence by it.
    """
    network = maskgct.semantic_to_acoustic
    shown = prompt.acoustic[:, :, : semantic.shape[1] - 1]
    told = network.condition(semantic, shown.shape[2])
    grid = _behind(shown, semantic.shape[1] - shown.shape[2])
    codes = decode(network, grid, told, plan, [seed], unconditional=network.nothing(told), observer=observer)
    return codes[:, :, shown.shape[2] :]


def _say(
    maskgct: MaskgctModel,
    prompt: Prompt,
    said: list[int],
    frames: int,
    plans: tuple[Plan, Plan],
    seed: int,
    observer: Callable[[Progress], None] | None,
) -> np.ndarray:
    """A sentence as a wave [N]."""
    semantic = semantic_tokens(maskgct, prompt, said, frames, plans[0], seed, observer)
    codes = acoustic_codes(maskgct, prompt, semantic, plans[1], seed, observer)
    with torch.inference_mode():
        wave = maskgct.codec.decode(codes.to(maskgct.device))[0, 0].float().cpu().numpy()
    rate = maskgct.codec.sample_rate
    return faded(normalise(wave, rate), rate).astype(np.float32)


def _behind(prompt: Tensor, frames: int) -> Grid:
    """A grid that begins with the prompt [1, K, P] and goes on with `frames` to fill."""
    blank = Grid.blank(1, prompt.shape[1], frames)
    known = torch.ones_like(prompt, dtype=torch.bool)
    return Grid(torch.cat([prompt, blank.codes], 2), torch.cat([known, blank.known], 2))


def _plans(maskgct: MaskgctModel, steps: int | Sequence[int] | None, changes: Changes) -> tuple[Plan, Plan]:
    """The model's plans as they are changed; steps in all keep their proportions, later streams have one."""
    semantic, acoustic = maskgct.semantic, maskgct.acoustic
    if steps is None:
        return make_plan(semantic, changes), make_plan(acoustic, changes)
    if isinstance(steps, Sequence):
        first, rest = dealt(steps, semantic, acoustic)
        return make_plan(semantic, replace(changes, steps=first)), make_plan(
            acoustic, replace(changes, steps=rest)
        )
    later = len(acoustic.stages) - 2
    own = semantic.stages[0].steps, acoustic.stages[0].steps, acoustic.stages[1].steps
    if steps < later + len(own):
        raise UsageError(f"steps {steps}: this model has {later + len(own)} stages, one step each at least")
    share = (steps - later) / sum(own)
    first = max(1, round(share * own[0]))
    second = min(max(1, round(share * own[1])), steps - later - first - 1)
    rest = [second, steps - later - first - second, *[1] * later]
    return (
        make_plan(semantic, replace(changes, steps=[first])),
        make_plan(acoustic, replace(changes, steps=rest)),
    )


def _lengths(
    asked: list[tuple[Sentence, list[int]]], prompt: Prompt, before: int, speed: float, duration: float | None
) -> list[int]:
    """Semantic tokens of every sentence: by the pace of the clip, or the share of `duration` that is its.

    The rule as published (maskgct_utils.py, text2semantic): seconds of the clip · phones / its phones.
    """
    counts = [len(after) for _, after in asked]
    if duration is None:
        seconds = [(prompt.samples * n / before) / HEARING_RATE / speed for n in counts]
    else:
        left = duration - sum(sentence.pause for sentence, _ in asked)
        seconds = [left * (n / sum(counts)) for n in counts]
    frames = [int(s * SEMANTIC_RATE) for s in seconds]
    longest = WHOLE - prompt.samples / HEARING_RATE
    for (sentence, after), s, n in zip(asked, seconds, frames, strict=True):
        if after and not (n >= 1 and s <= longest):
            shown = sentence.text if len(sentence.text) <= 40 else sentence.text[:39] + "…"
            raise UsageError(
                f"'{shown}' would take {s:.2f} s; with this clip, MaskGCT says up to {longest:.0f} s at once"
            )
    return frames
