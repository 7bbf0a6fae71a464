"""Training text → sound: a masked transformer on stored tokens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import save_model
from maskaudio.checkpoints.registry import find_model, lasting_name
from maskaudio.codec.load import load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.config import from_dict, to_dict
from maskaudio.decoding.plan import Plan, default_plan, even_plan
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.networks.sound import SoundConfig, SoundNetwork
from maskaudio.networks.transformer import TransformerConfig
from maskaudio.text.neighbours import near_words
from maskaudio.text.table import TextTable
from maskaudio.training.batches import SoundTask
from maskaudio.training.clips import Clip
from maskaudio.training.counts import fill_neighbours
from maskaudio.training.critic import CriticLoss, CriticTask
from maskaudio.training.prior import PriorLoss, PriorTask
from maskaudio.training.ranker import RankerLoss, RankerTask
from maskaudio.training.recipe import SoundRecipe, recipe_clips
from maskaudio.training.start import known_network
from maskaudio.training.store import store_splits
from maskaudio.training.tokens import store_tokens
from maskaudio.training.trainer import Schedule, Task, main_process_first, train


class SoundLoss(nn.Module):
    """Cross-entropy on the masked cells of one stream. Nothing is smoothed: what is learned is drawn from."""

    def __init__(self, network: SoundNetwork):
        super().__init__()
        self.network = network
        for later in (network.ranker, network.transformer.critic):
            if later is not None:
                later.requires_grad_(False)

    def forward(
        self,
        codes: Tensor,
        target: Tensor,
        scored: Tensor,
        text: Tensor,
        text_valid: Tensor,
        dropped: Tensor,
        stage: Tensor,
        causal: Tensor,
        delayed: Tensor,
    ) -> dict[str, Tensor]:
        """codes [B, K, T] as seen, target [B, S, T] of the streams asked for, scored bool [B, T]; a text."""
        k = int(stage)
        condition = self.network.condition(text, text_valid, dropped)
        transformer = self.network.transformer
        logits = transformer.score(codes, k, condition, scored, causal=bool(causal), delayed=bool(delayed))
        wanted = target.transpose(1, 2)[scored].flatten()
        return {"loss": F.cross_entropy(logits.flatten(0, 1), wanted)}


def train_sound(
    recipe: SoundRecipe,
    sources: list[Path],
    run: Path,
    *,
    start: str | None = None,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> Path:
    """Carry out a sound recipe; returns the folder of the finished model, `run`/model.

    start: a sound model to go on from, in place of a new network. What its text encoder and its prior know
    stays as it is, and neighbours are not counted again; its critic and its ranker go on, too.
    """
    codec = load_codec(recipe.codec)
    network = started_network(recipe, codec, start) if start else new_network(recipe, codec)
    clips, _ = recipe_clips(recipe.data, sources, captioned=True)
    stores = {}
    with main_process_first(pick_device(device)):
        for split, audio in store_splits(clips, run / "audio", codec.sample_rate, recipe.data.tones).items():
            mixes, takes = (recipe.mixes, recipe.takes) if split == "train" else (0, 1)
            tokens = store_tokens(audio, codec, run / f"{split}.safetensors", mixes=mixes, takes=takes)
            stores[split] = tokens.first(network.transformer.streams)
    table = TextTable.load(find_model(recipe.words, "words"))
    captions = [c for clip in stores["train"].clips for c in clip.captions]
    task = SoundTask(
        stores["train"],
        stores["valid"],
        table,
        codec,
        network.transformer.streams,
        recipe.span,
        recipe.frames,
        recipe.training.seed,
        near_words(table, captions),
        recipe.first,
        recipe.corrupted,
    )
    if not start:
        if recipe.prior:
            lesson = PriorTask(task, recipe.prior)
            learn_prior(network, lesson, run / "prior", resume=resume, device=device, **options)
        if network.transformer.neighbours:
            fill_neighbours(network.transformer.neighbours, stores["train"], network.transformer.streams)
    elif network.transformer.prior:
        PriorLoss(network).requires_grad_(False)  # as it is after that lesson
    module = SoundLoss(network)
    average = train(module, task, recipe.training, run / "training", resume=resume, device=device, **options)
    module.load_state_dict(average, strict=False)
    for name, loss, own_task, phase in lessons(task, recipe):
        lesson = loss(network)
        average = train(lesson, own_task, phase, run / name, resume=resume, device=device, **options)
        lesson.load_state_dict(average, strict=False)
    folder = run / "model"
    described = _described(stores["train"].clips)
    extra = {
        "about": recipe.about | {"parameters": sum(p.numel() for p in network.parameters())},
        "codec": lasting_name(recipe.codec),
        "codec_hash": codec.hash,
        "words": lasting_name(recipe.words),
        "plan": to_dict(sound_plan(codec.layout, network.transformer.streams, recipe.span)),
        "classes": sorted(described),
        "described": described,
    }
    save_model(folder, "sound", network.config, network, **extra)
    return folder


def sound_plan(layout: str, streams: int, span: int) -> Plan:
    """How a freshly trained model decodes the grids of a codec of `layout`."""
    if layout == "bands":
        return even_plan(streams, span)
    first, *later = default_plan(streams, span).stages
    # what refines the first stream hears the words, too: benchmarks/RESULTS.md, "What was tried"
    return Plan((first, *(replace(stage, guidance=2.0) for stage in later)), span)


def learn_prior(network: SoundNetwork, task: PriorTask, run: Path, **options: Any) -> None:
    """Teach the text encoder and the prior what texts mean; from then on they stay as they are."""
    module = PriorLoss(network)
    module.load_state_dict(train(module, task, task.phase, run, **options))
    module.requires_grad_(False)


def lessons(task: SoundTask, recipe: SoundRecipe) -> list[tuple[str, type[nn.Module], Task, Schedule]]:
    """What is learned on the finished network, which stays as it is: name, loss, task, how long."""
    found: list[tuple[str, type[nn.Module], Task, Schedule]] = []
    if recipe.critic:
        found.append(("critic", CriticLoss, CriticTask(task), recipe.critic))
    if recipe.ranker:
        found.append(("ranker", RankerLoss, RankerTask(task, recipe.ranker), recipe.ranker))
    return found


def new_network(recipe: SoundRecipe, codec: Codec) -> SoundNetwork:
    """The untrained network that `recipe` describes, for the grids of `codec`."""
    config = sound_config(recipe, codec)
    torch.manual_seed(recipe.training.seed)
    return SoundNetwork(config)


def sound_config(recipe: SoundRecipe, codec: Codec) -> SoundConfig:
    """The shape of that network."""
    streams = recipe.streams or codec.streams
    if not 1 <= streams <= codec.streams:
        raise UsageError(f"streams: {streams}: the codec '{codec.name}' has {codec.streams}")
    grid = {"streams": streams, "vocab": codec.vocab, "condition_dim": recipe.text.dim}
    grid |= {"prior": recipe.prior is not None, "critic": recipe.critic is not None, "stages": 0}
    transformer = from_dict(TransformerConfig, recipe.transformer | grid, "transformer")
    return SoundConfig(transformer, recipe.text, recipe.ranker and recipe.ranker.model)


def started_network(recipe: SoundRecipe, codec: Codec, model: str) -> SoundNetwork:
    """The network of a sound model. Raises UsageError where `recipe` describes another one.

    Lessons that the recipe leaves out are no difference: what the model has learned in them is kept.
    """
    same = {"codec_hash": codec.hash, "words": lasting_name(recipe.words)}
    network = known_network(model, "sound", SoundNetwork, SoundConfig, **same)
    known, asked = network.config, sound_config(recipe, codec)
    absent = [name for name in ("prior", "critic") if getattr(recipe, name) is None]
    kept = {name: getattr(known.transformer, name) for name in absent}
    asked = replace(
        asked, transformer=replace(asked.transformer, **kept), ranker=asked.ranker or known.ranker
    )
    theirs = to_dict(known)
    for part, own in to_dict(asked).items():
        of_model = theirs[part] or {}
        odd = [f"{k} {of_model.get(k)}, not {v}" for k, v in (own or {}).items() if of_model.get(k) != v]
        if odd:
            raise UsageError(f"--from {model}: its {part} is another than the recipe's ({'; '.join(odd)})")
    return network


def _described(clips: list[Clip]) -> dict[str, str]:
    """Every label with its commonest plain caption: what the model says it can do."""
    by_label: dict[str, list[str]] = {}
    for clip in clips:
        label = clip.fields.get("label") or clip.captions[0]
        if "mix" not in clip.fields.get("tags", ()):
            by_label.setdefault(str(label), []).append(clip.captions[0])
    return {label: max(sorted(set(c)), key=lambda x: (c.count(x), -len(x))) for label, c in by_label.items()}
