"""What a recipe will cost, measured on a few steps of noise before the long run."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from maskaudio.training.clips import Clip, Refused, read_clips
from maskaudio.training.recipe import CodecRecipe, Phase, SoundRecipe, SpeechRecipe, TokeniserRecipe
from maskaudio.training.store import read_wave
from maskaudio.training.trainer import Schedule, Task, pick_precision


def clip_seconds(clips: list[Clip]) -> tuple[dict[str, float], list[Refused]]:
    """Seconds of every clip, and the clips that training would refuse once it has read them."""
    seconds, refused = {}, []
    for clip, source in read_clips(clips):
        read = read_wave(source)
        if isinstance(read, str):
            refused.append(Refused(clip.name, read))
        else:
            seconds[clip.name] = len(read[0]) / read[1]
    return seconds, refused


def codec_hours(recipe: CodecRecipe) -> dict[str, float]:
    """Hours on the CPU of each half of a codec recipe."""
    from maskaudio.training.codec import HALVES, CodecTask, new_codec
    from maskaudio.training.store import AudioStore

    codec = new_codec(recipe)
    rate = codec.sample_rate
    noise = (np.random.default_rng(0).standard_normal(12 * rate) * 3000).astype(np.int16)
    store = AudioStore([Clip("noise", Path())], noise, np.array([0, len(noise)]), rate)
    hours = {}
    for name, half in HALVES:
        phase: Phase | None = getattr(recipe, name)
        if phase is None:
            continue
        codec.requires_grad_(True)
        module = half(codec)
        task = CodecTask(module, store, store, phase.batch, phase.seconds, recipe.disguised)
        hours[name] = _hours(module, task, phase)
    return hours


def sound_hours(recipe: SoundRecipe) -> dict[str, float]:
    """Hours on the CPU of a sound recipe, once its tokens are stored."""
    from maskaudio.checkpoints.registry import find_model
    from maskaudio.codec.load import load_codec
    from maskaudio.text.table import TextTable
    from maskaudio.training.batches import SoundTask
    from maskaudio.training.prior import PriorLoss, PriorTask
    from maskaudio.training.sound import SoundLoss, lessons, new_network
    from maskaudio.training.tokens import TokenStore

    codec = load_codec(recipe.codec)
    table = TextTable.load(find_model(recipe.words, "words"))
    codes = np.random.default_rng(0).integers(0, codec.vocab, (codec.streams, 300)).astype(np.uint16)
    clip = Clip(
        "noise", Path(), captions=("rain on a tin roof with distant thunder",), fields={"label": "noise"}
    )
    store = TokenStore([clip], codes, np.array([0, 300]), codes[:, 0])
    network = new_network(recipe, codec)
    store = store.first(network.transformer.streams)
    task = SoundTask(store, store, table, codec, network.transformer.streams, recipe.span, recipe.frames)
    hours = {}
    if recipe.prior:
        hours["prior"] = _hours(PriorLoss(network), PriorTask(task, recipe.prior), recipe.prior)
        PriorLoss(network).requires_grad_(False)
    hours["transformer"] = _hours(SoundLoss(network), task, recipe.training)
    for name, loss, own_task, phase in lessons(task, recipe):
        hours[name] = _hours(loss(network), own_task, phase)
    return hours


def tokeniser_hours(recipe: TokeniserRecipe) -> dict[str, float]:
    """Hours on the CPU of a recipe for a speech tokeniser."""
    from maskaudio.codec.semantic import SpeechTokeniser
    from maskaudio.training.speech_tokens import TokeniserLoss, TokeniserTask
    from maskaudio.training.store import AudioStore

    rate = recipe.model.sample_rate
    noise = (np.random.default_rng(0).standard_normal(60 * rate) * 3000).astype(np.int16)
    store = AudioStore([_talk(i) for i in range(15)], noise, np.arange(16) * 4 * rate, rate)
    tokeniser = SpeechTokeniser(recipe.model)
    task = TokeniserTask(tokeniser, store, store, recipe.seconds)
    return {"tokeniser": _hours(TokeniserLoss(tokeniser), task, recipe.training)}


def speech_hours(recipe: SpeechRecipe) -> dict[str, float]:
    """Hours on the CPU of a speech recipe, once its tokens are stored."""
    from maskaudio.codec.load import load_codec, load_tokeniser
    from maskaudio.training.speech import SpeechLoss, new_network, speech_task
    from maskaudio.training.speech_store import SpeechStore
    from maskaudio.training.spoken import spoken
    from maskaudio.training.tokens import TokenStore

    codec, tokeniser = load_codec(recipe.codec), load_tokeniser(recipe.tokens)
    network = new_network(recipe, codec, tokeniser)
    clips = [_talk(i) for i in range(15)]
    vocab, frames = min(codec.vocab, tokeniser.vocab), round(4 * codec.frame_rate)
    streams = 1 + network.acoustic.streams
    codes = np.random.default_rng(0).integers(0, vocab, (streams, 15 * frames)).astype(np.uint16)
    tokens = TokenStore(clips, codes, np.arange(16) * frames, codes[:, 0])
    said = [spoken(clip) for clip in clips]
    store = SpeechStore(tokens, ["somebody"] * 15, said, np.arange(15))
    task = speech_task(recipe, network, store, store, codec)
    return {"speech": _hours(SpeechLoss(network), task, recipe.training)}


def _talk(number: int) -> Clip:
    """Four seconds in which somebody says as much as people do."""
    symbols = "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˌOvəɹ ðə lˈAzi dˈɔɡ."
    return Clip(f"talk{number}", Path(), fields={"symbols": symbols, "durations": [4] * len(symbols)})


def _hours(module: nn.Module, task: Task, schedule: Schedule, measured: int = 3) -> float:
    """The first step warms up and is not counted; the optimizer's own time is small beside the passes."""
    module.train()
    for step in range(measured + 1):
        if step == 1:
            started = time.perf_counter()
        batch = task.batch(step, 0)
        with torch.autocast(
            "cpu", torch.bfloat16, enabled=pick_precision(schedule.precision, "cpu") == "bf16"
        ):
            loss = module(**batch)["loss"]
        loss.backward()
        module.zero_grad(set_to_none=True)
    return (time.perf_counter() - started) / measured * schedule.steps / 3600
