"""What a training batch of a speech model shows, hides and asks for, in either stage."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from maskaudio.decoding.spans import masked_share, training_mask
from maskaudio.networks.transformer import MaskedTransformer
from maskaudio.training.speech_store import SpeechStore
from maskaudio.training.spoken import Spoken

LENGTHS = (15, 25, 40, 60, 80, 100, 125, 150, 200, 250, 300)  # frames of a target in stage 2
PROMPTS = (50, 75, 75, 100, 125)  # frames of a prompt


@dataclass
class SpeechTask:
    """Batches of stage 1 (text → semantic) and of a stage of the acoustic network, in turn."""

    train: SpeechStore
    valid: SpeechStore
    acoustic: MaskedTransformer  # says which stage fills which streams, of how many codes
    semantic_vocab: int
    span: int
    frames: int  # in a batch, over all clips
    frame_rate: float
    text_share: float = 0.2  # of the batches are of stage 1
    seed: int = 0
    timed: np.ndarray = field(init=False)  # items with durations, by length
    targets: np.ndarray = field(init=False)  # items that stage 2 learns to say

    def __post_init__(self) -> None:
        self.timed = _timed(self.train)
        # a clip alone would be its own prompt, and copying all there is to learn
        several = [len(self.train.spoken_by[s]) > 1 for s in self.train.speakers]
        self.targets = np.flatnonzero(several) if any(several) else np.arange(len(self.train))

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, step, rank])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        if len(self.timed) and rng.random() < self.text_share:
            return self._text_batch(rng, generator)
        return self._speech_batch(rng, generator)

    def _text_batch(self, rng: np.random.Generator, generator: torch.Generator) -> dict[str, Tensor]:
        at = int(rng.integers(len(self.timed)))
        near = self.timed[max(0, at - 200) : at + 200]
        count = max(1, round(self.frames / float(self.train.lengths[near].mean())))
        picks = rng.choice(near, min(count, len(near)), replace=False)
        batch, clean = self.read(self.train, picks)
        share = torch.tensor([masked_share("cosine", u) for u in rng.random(len(picks))])
        hidden = training_mask(share, clean.shape[1], self._span(rng), generator) & batch["valid"]
        codes = _corrupt(clean, self.semantic_vocab, 0.1, rng)
        dropped = torch.from_numpy(rng.random(len(picks)) < 0.1)
        return batch | {
            "codes": codes.masked_fill(hidden, self.semantic_vocab)[:, None],
            "target": clean[:, None],
            "scored": hidden,
            "dropped": dropped,
        }

    def read(self, store: SpeechStore, picks: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        """Units and durations of items `picks`, padded, and their semantic tokens [B, T]."""
        said = [timed_units(store.said[i], int(store.lengths[i]), self.frame_rate) for i in picks]
        rows = [torch.from_numpy(store.grid(i)[0].astype(np.int64)) for i in picks]
        clean = _pad(rows)
        lengths = torch.tensor([len(r) for r in rows])
        return _units(said) | {"valid": torch.arange(clean.shape[1]) < lengths[:, None]}, clean

    def _speech_batch(self, rng: np.random.Generator, generator: torch.Generator) -> dict[str, Tensor]:
        frames = min(int(rng.choice(LENGTHS)), int(self.train.lengths[self.targets].max()))
        prompt = int(rng.choice(PROMPTS))
        revealed = rng.random() < 0.8
        count = max(1, self.frames // (frames + prompt * revealed))
        targets = rng.choice(self.targets[self.train.lengths[self.targets] >= frames], count)
        stage = int(rng.choice(self.acoustic.stages, p=_stage_weights(self.acoustic.stages)))
        batch, grid = self.scene(self.train, targets, frames, prompt, revealed, rng)
        share = torch.tensor([masked_share("cosine", u) for u in rng.random(count)])
        if 0 < stage == self.acoustic.stages - 1:  # is decoded in one step: mostly nothing of it is known
            share[torch.from_numpy(rng.random(count) < 0.8)] = 1.0
        masked = training_mask(share, frames, self._span(rng), generator)
        batch["told"] &= torch.from_numpy(rng.random(count) < 0.75)[:, None]
        batch["said"] = _corrupt(grid[:, 0], self.semantic_vocab, 0.05, rng)
        batch["nobody"] = torch.from_numpy(rng.random(count) < 0.1)
        batch["unsaid"] = torch.from_numpy(rng.random(count) < 0.1)
        clean = grid[:, 1:]
        return batch | self.hide(_corrupt(clean, self.acoustic.vocab, 0.1, rng), clean, masked, stage)

    def scene(
        self,
        store: SpeechStore,
        targets: np.ndarray,
        frames: int,
        prompt: int,
        revealed: bool,
        rng: np.random.Generator,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Grids [B, 1 + K, (prompt +) frames] of `targets` behind prompts of their speakers.

        Beside them what goes with them in a batch: the prompts, and what is to be said where that is known.
        """
        voices, rows, said = [], [], []
        for i in targets:
            last = int(store.lengths[i]) - frames  # as many begin or end with their clip as lie within it
            start = int(rng.choice([0, last, rng.integers(0, last + 1), rng.integers(0, last + 1)]))
            target = store.grid(i)[:, start : start + frames]
            voice = _prompt(store, int(i), prompt, rng)
            voices.append(voice[1:])
            rows.append(np.concatenate([voice, target], 1) if revealed else target)
            said.append(timed_units(store.said[i], frames, self.frame_rate, start))
        grid = torch.from_numpy(np.stack(rows).astype(np.int64))
        known = torch.tensor([store.said[i].edges is not None for i in targets])
        told = known[:, None] & (torch.arange(grid.shape[2]) >= prompt * revealed)
        nobody = torch.zeros(len(targets), dtype=torch.bool)
        batch = {
            "voice": torch.from_numpy(np.stack(voices).astype(np.int64)),
            "told": told,
            "said": grid[:, 0],
        }
        return _units(said) | batch | {"nobody": nobody, "unsaid": nobody}, grid

    def hide(self, shown: Tensor, clean: Tensor, masked: Tensor, stage: int) -> dict[str, Tensor]:
        """Grids [B, K, T]: hidden in the last F frames are `masked` [B, F] of `stage`, and all later ones."""
        start = clean.shape[2] - masked.shape[1]
        own = self.acoustic.streams_of(stage)
        hidden = torch.zeros_like(clean, dtype=torch.bool)
        hidden[:, own.start : own.stop, start:] = masked[:, None]
        hidden[:, own.stop :, start:] = True
        scored = torch.zeros(clean.shape[0], clean.shape[2], dtype=torch.bool)
        scored[:, start:] = masked
        return {
            "codes": shown.masked_fill(hidden, self.acoustic.vocab),
            "target": clean[:, own.start : own.stop],
            "scored": scored,
            "stage": torch.tensor(stage),
        }

    @torch.no_grad()
    def validate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy in nats of stage 1 (all and half of the spans hidden) and of stage 2; durations."""
        device = next(module.parameters()).device

        def run(batch: dict[str, Tensor]) -> dict[str, float]:
            return {k: float(v) for k, v in module(**{k: v.to(device) for k, v in batch.items()}).items()}

        figures = {}
        timed = _timed(self.valid)
        if len(timed):
            batch, clean = self.read(self.valid, timed[len(timed) // 4 :][:48])
            nobody = torch.zeros(len(clean), dtype=torch.bool)
            for share in (1.0, 0.5):
                hidden = training_mask(
                    torch.full((len(clean),), share),
                    clean.shape[1],
                    self.span,
                    torch.Generator().manual_seed(0),
                )
                hidden &= batch["valid"]
                codes = clean.masked_fill(hidden, self.semantic_vocab)[:, None]
                told = {"codes": codes, "target": clean[:, None], "scored": hidden, "dropped": nobody}
                done = run(batch | told)
                figures[f"text_at{round(100 * share)}"] = done["text"]
            figures["durations"] = done["durations"]
        rng = np.random.default_rng(3)
        frames = min(75, int(np.sort(self.valid.lengths)[len(self.valid) // 2]))
        targets = rng.permutation(np.flatnonzero(self.valid.lengths >= frames))[:48]
        asked, grid = self.scene(self.valid, targets, frames, 75, True, rng)
        everything = torch.ones(len(grid), frames, dtype=torch.bool)
        for stage in range(self.acoustic.stages):
            figures[f"stage{stage}"] = run(self.hide(grid[:, 1:], grid[:, 1:], everything, stage) | asked)[
                "speech"
            ]
        half = training_mask(
            torch.full((len(grid),), 0.5), frames, self.span, torch.Generator().manual_seed(0)
        )
        figures["stage0_at50"] = run(self.hide(grid[:, 1:], grid[:, 1:], half, 0) | asked)["speech"]
        return figures

    def show(self, module: nn.Module, folder: object) -> None:
        """Speech is judged by `benchmarks/speech.py`."""

    def _span(self, rng: np.random.Generator) -> int:
        return self.span if rng.random() < 0.7 else 1


def timed_units(said: Spoken, frames: int, rate: float, start: int = 0) -> dict[str, np.ndarray]:
    """Units with their durations in a window of `frames` frames from `start` on.

    A gap stands before the first and after the last of them; a unit outside the window lasts no time.
    """
    units = said.units
    edges = np.zeros(len(units) + 1) if said.edges is None else said.edges * rate - start
    edges = np.clip(edges, 0.0, frames)
    durations = np.diff(np.concatenate([[0.0], edges, [frames]])).astype(np.float32)
    gap = np.zeros(1, np.int64)
    parts = {"index": units.index, "stress": units.stress, "long": units.long}
    return {k: np.concatenate([gap, x, gap]) for k, x in parts.items()} | {"durations": durations}


def _units(said: list[dict[str, np.ndarray]]) -> dict[str, Tensor]:
    """Units of several items, padded, and which are an item's own."""
    count = torch.tensor([len(x["index"]) for x in said])
    batch = {name: _pad([torch.from_numpy(x[name]) for x in said]) for name in said[0]}
    return batch | {"unit_valid": torch.arange(int(count.max())) < count[:, None]}


def _timed(store: SpeechStore) -> np.ndarray:
    """Items with known durations, by length."""
    known = np.array([i for i, s in enumerate(store.said) if s.edges is not None], dtype=np.int64)
    return known[np.argsort(store.lengths[known], kind="stable")]


def _prompt(store: SpeechStore, target: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Grid [1 + K, frames] of another clip of the target's speaker; some of them heard from afar."""
    own = store.spoken_by[store.speakers[target]]
    others = own[own != target]
    pick = int(rng.choice(others)) if len(others) else target
    grid = store.grid(int(store.rooms[pick]) if rng.random() < 0.25 else pick)
    if grid.shape[1] < frames:
        grid = np.tile(grid, -(-frames // grid.shape[1]))
    start = int(rng.integers(0, grid.shape[1] - frames + 1))
    return grid[:, start : start + frames]


def _corrupt(clean: Tensor, vocab: int, most: float, rng: np.random.Generator) -> Tensor:
    """Up to `most` of the tokens replaced at random: decoding meets mistakes, too."""
    rate = rng.uniform(0, most, (len(clean), *[1] * (clean.dim() - 1)))
    wrong = torch.from_numpy(rng.random(clean.shape) < rate)
    return torch.where(wrong, torch.from_numpy(rng.integers(0, vocab, clean.shape)), clean)


def _pad(rows: list[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _stage_weights(stages: int) -> np.ndarray:
    weights = np.array([1.5, *[1.0] * (stages - 1)])
    return weights / weights.sum()
