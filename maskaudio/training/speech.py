"""Training speech: text → semantic → acoustic, both stages in one run on stored tokens."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import save_model
from maskaudio.checkpoints.registry import find_model, lasting_name
from maskaudio.codec.load import load_codec, load_tokeniser
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import SpeechTokeniser
from maskaudio.config import from_dict, to_dict
from maskaudio.decoding.plan import Plan, StagePlan
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.networks.speech import SpeechConfig, SpeechNetwork
from maskaudio.networks.transformer import TransformerConfig, alike
from maskaudio.training.counts import fill_neighbours
from maskaudio.training.heard import transcriber
from maskaudio.training.recipe import SpeechRecipe, recipe_clips
from maskaudio.training.speakers import save_voices
from maskaudio.training.speech_batches import SpeechTask
from maskaudio.training.speech_store import Both, SpeechStore, store_speech
from maskaudio.training.start import known_network
from maskaudio.training.store import store_splits
from maskaudio.training.tokens import TokenStore
from maskaudio.training.trainer import main_process_first, train


class SpeechLoss(nn.Module):
    """Cross-entropy on the hidden cells of one stage of either network; durations beside stage 1."""

    def __init__(self, network: SpeechNetwork):
        super().__init__()
        self.network = network

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """See SpeechTask for what stands in the batches of either stage."""
        return self.speech(**batch) if "voice" in batch else self.text(**batch)

    def text(
        self,
        index: Tensor,
        stress: Tensor,
        long: Tensor,
        durations: Tensor,
        unit_valid: Tensor,
        valid: Tensor,
        codes: Tensor,
        target: Tensor,
        scored: Tensor,
        dropped: Tensor,
    ) -> dict[str, Tensor]:
        network = self.network
        features = network.text(index, stress, long, unit_valid)
        timing = network.durations.loss(features, durations, unit_valid)
        asked = network.asked(features, durations, codes.shape[2])
        condition = network.text_condition(asked, dropped, valid)
        loss = entropy(network.semantic.score(codes, 0, condition, scored, valid=valid), target, scored)
        return {"loss": loss + 0.3 * timing, "text": loss.detach(), "durations": timing.detach()}

    def speech(
        self,
        index: Tensor,
        stress: Tensor,
        long: Tensor,
        durations: Tensor,
        unit_valid: Tensor,
        told: Tensor,
        codes: Tensor,
        target: Tensor,
        scored: Tensor,
        stage: Tensor,
        said: Tensor,
        voice: Tensor,
        nobody: Tensor,
        unsaid: Tensor,
    ) -> dict[str, Tensor]:
        network = self.network
        frames = round(float(durations[0].sum()))  # behind the prompt, whose words nobody knows
        asked = network.asked(network.text(index, stress, long, unit_valid), durations, frames)
        asked = F.pad(asked, (0, 0, said.shape[1] - frames, 0))
        condition = network.speech_condition(said, network.voice_of(voice, nobody), unsaid, asked, told)
        logits = network.acoustic.score(codes, int(stage), condition, scored)
        loss = entropy(logits, target, scored)
        return {"loss": loss, "speech": loss.detach()}


def entropy(logits: Tensor, target: Tensor, scored: Tensor) -> Tensor:
    """Cross-entropy of logits [scored.sum(), S, vocab] with target [B, S, T] in the frames `scored` [B, T].

    Nothing is smoothed: what decoding averages over are these probabilities.
    """
    return F.cross_entropy(logits.flatten(0, 1), target.transpose(1, 2)[scored].flatten())


def train_speech(
    recipe: SpeechRecipe,
    sources: list[Path],
    run: Path,
    *,
    start: str | None = None,
    recogniser: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> Path:
    """Carry out a speech recipe; returns the folder of the finished model, `run`/model.

    start: a speech model to go on from, shapes and all, in place of a new network. The model keeps its voices
    and has one more for each speaker of the clips. recogniser: a folder of faster-whisper's, which says what
    clips without a text say.
    """
    codec, tokeniser = load_codec(recipe.codec), load_tokeniser(recipe.tokens)
    if start:
        hashes = {"codec_hash": codec.hash, "tokens_hash": tokeniser.hash}
        network = known_network(start, "speech", SpeechNetwork, SpeechConfig, **hashes)
    elif recipe.keep or not recipe.text_share:
        raise UsageError("text_share: 0 and keep are about a trained model: name one by --from")
    else:
        network = new_network(recipe, codec, tokeniser)
    hear = transcriber(recogniser, run, device) if recogniser else None
    both = Both(tokeniser, codec, network.acoustic.streams)
    stores = {}
    with main_process_first(pick_device(device)):
        clips, _ = recipe_clips(recipe.data, sources, spoken=True, hear=hear)
        waves = store_splits(clips, run / "audio", codec.sample_rate, recipe.data.tones)
        for split, audio in waves.items():
            more = {"takes": recipe.takes, "rooms": True} if split == "train" else {}
            stores[split] = store_speech(audio, both, run / f"{split}.safetensors", **more)
    if not start:
        count_neighbours(network, stores["train"].tokens)
    task = speech_task(recipe, network, *stores.values(), codec)
    module = SpeechLoss(network)
    if not recipe.text_share:
        for part in (network.text, network.durations, network.place, network.semantic):
            part.requires_grad_(False)
    known = {n: p.detach().clone() for n, p in module.named_parameters()} if recipe.keep else {}
    average = train(module, task, recipe.training, run / "training", resume=resume, device=device, **options)
    if recipe.keep:
        average = {n: p.lerp(known[n].to(p), recipe.keep) for n, p in average.items()}
    module.load_state_dict(average, strict=False)
    folder = run / "model"
    semantic, acoustic = default_plans(network.acoustic.stages, recipe.span)
    extra = {
        "about": recipe.about | {"parameters": sum(p.numel() for p in network.parameters())},
        "codec": lasting_name(recipe.codec),
        "codec_hash": codec.hash,
        "tokens": lasting_name(recipe.tokens),
        "tokens_hash": tokeniser.hash,
        "semantic": to_dict(semantic),
        "acoustic": to_dict(acoustic),
    }
    save_model(folder, "speech", network.config, network, **extra)
    if start:
        if (voices := find_model(start, "speech") / "voices").is_dir():  # they fit as they are
            shutil.copytree(voices, folder / "voices", dirs_exist_ok=True)
        save_voices(waves["train"], folder / "voices", codec, tokeniser)
    return folder


def count_neighbours(network: SpeechNetwork, tokens: TokenStore) -> None:
    """Fill the tables of both transformers, where they have any, from semantic and acoustic `tokens`."""
    for transformer, rows in ((network.semantic, slice(0, 1)), (network.acoustic, slice(1, None))):
        if transformer.neighbours:
            own = replace(tokens, grid=tokens.grid[rows], silence=tokens.silence[rows])
            fill_neighbours(transformer.neighbours, own, transformer.streams)


def speech_task(
    recipe: SpeechRecipe, network: SpeechNetwork, train: SpeechStore, valid: SpeechStore, codec: Codec
) -> SpeechTask:
    """The batches that `recipe` asks for."""
    return SpeechTask(
        train,
        valid,
        network.acoustic,
        network.semantic.vocab,
        span=recipe.span,
        frames=recipe.frames,
        frame_rate=codec.frame_rate,
        text_share=recipe.text_share,
        seed=recipe.training.seed,
    )


def default_plans(stages: int, span: int) -> tuple[Plan, Plan]:
    """How a freshly trained model decodes its two stages."""
    # cool: what is said and whose voice it is decide nearly all, and drawing widely only blurs the words
    first = StagePlan(2, temperature=0.35, last_temperature=0.15)
    coarse = StagePlan(6, temperature=0.4, last_temperature=0.2)
    fine = StagePlan(1, temperature=0.5, last_temperature=0.5, average=True)
    return Plan((first,), span), Plan((coarse, *[fine] * (stages - 1)), span)


def new_network(recipe: SpeechRecipe, codec: Codec, tokeniser: SpeechTokeniser) -> SpeechNetwork:
    """The untrained network that `recipe` describes, for the tokens of `tokeniser` and `codec`."""
    streams = recipe.streams or codec.streams
    if not 1 <= streams <= codec.streams:
        raise UsageError(f"streams: {streams}: the codec '{codec.name}' has {codec.streams}")
    if tokeniser.frame_rate != codec.frame_rate or tokeniser.sample_rate != codec.sample_rate:
        raise UsageError(
            f"the tokeniser '{tokeniser.name}' and the codec '{codec.name}' differ in frames or rate"
        )
    given = {"condition_dim": recipe.dim, "frames_dim": recipe.dim, "cross_every": 0}
    shapes = {
        "semantic": recipe.semantic | given | {"streams": 1, "vocab": tokeniser.vocab},
        "acoustic": recipe.acoustic | given | {"streams": streams, "vocab": codec.vocab},
    }
    torch.manual_seed(recipe.training.seed)
    network = SpeechNetwork(
        SpeechConfig(dim=recipe.dim, **{k: from_dict(TransformerConfig, v, k) for k, v in shapes.items()})
    )
    network.semantic.start_near(tokeniser.values())
    network.said.weight.data = alike(tokeniser.values()[0], recipe.dim)
    network.acoustic.start_near(codec.values()[:streams])
    return network
