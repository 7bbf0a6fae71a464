"""What a training batch of a masked model shows, hides and asks for."""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from maskaudio.codec.protocol import Codec
from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.plan import default_plan
from maskaudio.decoding.spans import masked_share, training_mask
from maskaudio.text.table import TextTable
from maskaudio.training.samples import save_sample
from maskaudio.training.tokens import TokenStore

UNASKED = -100  # a target that is none: what cross-entropy leaves out
LENGTHS = (75, 100, 100, 125, 150, 200, 250)  # frames of a batch: 3 to 10 s, as people ask for


@dataclass
class SoundTask:
    """Batches of one stage each: masked spans, corrupted neighbours, visible context, dropped text."""

    train: TokenStore
    valid: TokenStore
    table: TextTable
    codec: Codec  # to let hear what is made
    streams: int  # of the codec's
    span: int
    frames: int  # in a batch, over all clips
    seed: int = 0
    neighbours: dict[int, list[int]] = field(default_factory=dict)
    first: float = 0.4  # share of the steps that ask for the first stream
    corrupted: float = 0.1  # at most this share of a clip's visible codes is wrong
    vocab: int = field(init=False)

    def __post_init__(self) -> None:
        self.vocab = self.codec.vocab
        labels = [str(clip.fields.get("label")) for clip in self.train.clips]
        counts = {label: labels.count(label) for label in set(labels)}
        weights = np.array([counts[label] ** -0.5 for label in labels])  # rare labels a little more often
        weights *= [bool(clip.captions) for clip in self.train.clips]
        self.weights = weights / weights.sum()

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, step, rank])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        frames = int(rng.choice(LENGTHS))
        count = max(1, self.frames // frames)
        clean, texts = self.clips(count, frames, rng)
        stage = int(rng.choice(self.streams, p=_stage_weights(self.streams, self.first)))
        if rng.random() < 0.15:
            delayed = rng.random() < 0.3
            return self._delayed(clean, texts, rng) if delayed else self._flattened(clean, stage, texts, rng)
        return self.masked(clean, stage, texts, rng, generator)

    def masked(
        self,
        clean: Tensor,
        stage: int,
        texts: list[str],
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Clean codes [B, K, T] with spans of `stage` masked, and all later streams."""
        count, frames = clean.shape[0], clean.shape[2]
        share = torch.tensor([masked_share("cosine", u) for u in rng.random(count)])
        span = self.span if rng.random() < 0.7 else 1
        masked = training_mask(share, frames, span, generator)
        outside = self._visible(count, frames, rng)
        masked &= ~outside
        nothing = ~masked.any(1)
        masked[nothing, (~outside).int().argmax(1)[nothing]] = True  # at least the first frame that may be
        codes = self._corrupt(clean, rng)
        hidden = torch.zeros_like(codes, dtype=torch.bool)
        hidden[:, stage] = masked
        hidden[:, stage + 1 :] = ~outside[:, None]
        return self._pack(
            codes.masked_fill(hidden, self.vocab), clean[:, stage : stage + 1], masked, stage, texts, rng
        )

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy in nats of every stage, with all, 90 % and 50 % of the spans masked.

        `flattened`: of the first stream from left to right; `delayed`: of all streams.
        """
        clean, texts = self.fitted(48, 100)
        figures = {}
        for share in (1.0, 0.9, 0.5):
            for stage in range(self.streams):
                generator = torch.Generator().manual_seed(stage)
                masked = training_mask(torch.full((len(texts),), share), 100, self.span, generator)
                codes = clean.clone()
                codes[:, stage].masked_fill_(masked, self.vocab)
                codes[:, stage + 1 :] = self.vocab
                batch = self._pack(codes, clean[:, stage : stage + 1], masked, stage, texts, None)
                figures[f"stage{stage}_at{round(share * 100)}"] = _loss(module, batch)
        figures["flattened"] = _loss(module, self._flattened(clean, 0, texts, None))
        figures["delayed"] = _loss(module, self._delayed(clean, texts, None))
        return figures

    @torch.inference_mode()
    def show(self, module: nn.Module, folder: Path) -> None:
        """Four seconds of a few validation captions, as a fresh model decodes them."""
        network, texts = module.network, [clip.captions[0] for clip in self.valid.clips[:: self._every()]]
        device = next(network.parameters()).device
        ids, valid = self.table.tokenize(texts)
        asked = self.table.embed(ids).to(device), valid.to(device)
        dropped = torch.ones(len(texts), dtype=torch.bool, device=device)
        codes = decode(
            network.transformer,
            Grid.blank(len(texts), self.streams, round(4 * self.codec.frame_rate)),
            network.condition(*asked),
            default_plan(self.streams, self.span),
            list(range(len(texts))),
            unconditional=network.condition(*asked, dropped),
        )
        waves = self.codec.decode(codes)[:, 0].numpy()
        for text, wave in zip(texts, waves, strict=True):
            name = "-".join(re.findall(r"\w+", text))[:60]
            save_sample(folder / name, wave, self.codec.sample_rate)

    def _every(self) -> int:
        return max(1, len(self.valid.clips) // 4)

    def clips(self, count: int, frames: int, rng: np.random.Generator) -> tuple[Tensor, list[str]]:
        """Codes [count, K, frames] of random training clips, and a caption of each."""
        items = [self._item(frames, rng) for _ in range(count)]
        return torch.from_numpy(np.stack([codes for codes, _ in items]).astype(np.int64)), [
            text for _, text in items
        ]

    def fitted(self, count: int, frames: int) -> tuple[Tensor, list[str]]:
        """The same for up to `count` validation clips, always the same ones."""
        rng = np.random.default_rng(5)
        picks = rng.permutation(len(self.valid.clips))[:count]
        items = [self._fit(self.valid, i, frames, rng) for i in picks]
        texts = [self.valid.clips[i].captions[0] for i in picks]
        return torch.from_numpy(np.stack(items).astype(np.int64)), texts

    def _item(self, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, str]:
        """Codes [K, frames] and a caption: one clip, or two in a row."""
        first = int(rng.choice(len(self.weights), p=self.weights))
        if rng.random() > 0.06 or "mix" in self.train.clips[first].fields.get("tags", ()):
            return self._fit(self.train, first, frames, rng), self._caption(first, rng)
        second = int(rng.choice(len(self.weights), p=self.weights))
        cut = int(frames * rng.uniform(0.35, 0.65))
        parts = [self._fit(self.train, i, n, rng) for i, n in ((first, cut), (second, frames - cut))]
        words = str(
            rng.choice(["{a}, then {b}", "{a} followed by {b}", "{a} and then {b}", "first {a}, then {b}"])
        )
        text = words.format(a=self._caption(first, rng).rstrip("."), b=self._caption(second, rng).rstrip("."))
        return np.concatenate(parts, 1), text

    def _caption(self, index: int, rng: np.random.Generator) -> str:
        return str(rng.choice(self.train.clips[index].captions))

    def _fit(self, store: TokenStore, index: int, frames: int, rng: np.random.Generator) -> np.ndarray:
        """Cut a longer clip; follow a shorter one by silence, or, where nothing is counted, by itself."""
        codes = store.codes(index)
        extra = codes.shape[1] - frames
        if extra >= 0:
            start = int(rng.integers(0, extra + 1)) if rng.random() < 0.4 else 0
            return codes[:, start : start + frames]
        silence = store.silence[:, None]
        tags = store.clips[index].fields.get("tags", ())
        counted = any(str(tag).startswith("count:") for tag in tags)
        if counted or rng.random() < 0.4:
            return np.concatenate([codes, silence.repeat(-extra, 1)], 1)
        gap = silence.repeat(int(rng.integers(0, 13)), 1)
        repeats = -(-frames // (codes.shape[1] + gap.shape[1]))
        return np.concatenate([codes, gap] * repeats, 1)[:, :frames]

    def _visible(self, count: int, frames: int, rng: np.random.Generator) -> Tensor:
        """Frames known in all streams, [B, T]: for a fifth of the items all but a gap (prompts, edits)."""
        outside = np.zeros((count, frames), bool)
        outside[rng.random(count) < 0.2] = True
        for i in np.flatnonzero(outside[:, 0]):
            length = int(frames * rng.uniform(0.2, 0.9))
            start = int(rng.choice([0, frames - length, rng.integers(0, frames - length + 1)]))
            outside[i, start : start + length] = False
        return torch.from_numpy(outside)

    def _corrupt(self, clean: Tensor, rng: np.random.Generator) -> Tensor:
        """Some of the codes replaced at random: decoding meets its own mistakes, too."""
        rate = rng.uniform(0, self.corrupted, (len(clean), 1, 1))
        wrong = rng.random(clean.shape) < rate
        noise = rng.integers(0, self.vocab, clean.shape)
        return torch.where(torch.from_numpy(wrong), torch.from_numpy(noise), clean)

    def _flattened(
        self, clean: Tensor, stage: int, texts: list[str], rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """Left to right: stream `stage` is seen one frame late, later streams not at all."""
        codes = clean.clone()
        codes[:, stage] = _late(clean[:, stage], 1, self.vocab)
        codes[:, stage + 1 :] = self.vocab
        scored = torch.ones(clean.shape[0], clean.shape[2], dtype=torch.bool)
        return self._pack(codes, clean[:, stage : stage + 1], scored, stage, texts, rng, "flattened")

    def _delayed(self, clean: Tensor, texts: list[str], rng: np.random.Generator | None) -> dict[str, Tensor]:
        """Left to right, all streams at once: stream k is asked for k frames late, and seen k + 1 late.

        The end is as decoding meets it: K − 1 frames more, until the last stream is there.
        """
        streams = range(clean.shape[1])
        longer = functools.partial(torch.nn.functional.pad, clean, (0, len(streams) - 1))
        codes = torch.stack([_late(longer(value=self.vocab)[:, k], k + 1, self.vocab) for k in streams], 1)
        target = torch.stack([_late(longer(value=UNASKED)[:, k], k, UNASKED) for k in streams], 1)
        scored = torch.ones(codes.shape[0], codes.shape[2], dtype=torch.bool)
        return self._pack(codes, target, scored, 0, texts, rng, "delayed")

    def _pack(
        self,
        codes: Tensor,
        target: Tensor,
        scored: Tensor,
        stage: int,
        texts: list[str],
        rng: np.random.Generator | None,
        pattern: str = "masked",
    ) -> dict[str, Tensor]:
        return self.asked(texts, rng) | {
            "codes": codes,
            "target": target,
            "scored": scored,
            "stage": torch.tensor(stage),
            "causal": torch.tensor(pattern != "masked"),
            "delayed": torch.tensor(pattern == "delayed"),
        }

    def asked(self, texts: list[str], rng: np.random.Generator | None) -> dict[str, Tensor]:
        """Embeddings of `texts`; with `rng` blurred, and a tenth of them dropped for guidance."""
        ids, valid = self.table.tokenize(texts)
        dropped = torch.zeros(len(texts), dtype=torch.bool)
        embeddings = self.table.embed(ids)
        if rng is not None:
            embeddings = self.table.embed(self._swap(ids, rng))
            jitter = torch.from_numpy(rng.standard_normal(embeddings.shape).astype(np.float32))
            embeddings = embeddings + 0.1 * embeddings.std() * jitter
            forgotten = torch.from_numpy(rng.random(valid.shape) < 0.08)
            forgotten &= ~(forgotten | ~valid).all(1, keepdim=True)  # never a whole text
            valid = valid & ~forgotten
            dropped = torch.from_numpy(rng.random(len(texts)) < 0.1)
        return {"text": embeddings, "text_valid": valid, "dropped": dropped}

    def _swap(self, ids: Tensor, rng: np.random.Generator) -> Tensor:
        """Now and then a word by a neighbour in meaning, so that words never seen find their place."""
        swapped = ids.clone()
        for at in np.argwhere(rng.random(ids.shape) < 0.12):
            near = self.neighbours.get(int(ids[tuple(at)]))
            if near:
                swapped[tuple(at)] = int(rng.choice(near))
        return swapped


def _late(row: Tensor, frames: int, fill: int) -> Tensor:
    """row [B, T], `frames` later."""
    return torch.cat([torch.full_like(row[:, :frames], fill), row], 1)[:, : row.shape[1]]


def _loss(module: nn.Module, batch: dict[str, Tensor]) -> float:
    device = next(module.parameters()).device
    with torch.no_grad():
        return float(module(**{k: v.to(device) for k, v in batch.items()})["loss"])


def _stage_weights(streams: int, first: float) -> np.ndarray:
    """The chance of every stream to be asked for: that of the first, and all others alike."""
    later = (1.0 - first) / max(1, streams - 1)
    return np.array([1.0]) if streams == 1 else np.array([first] + [later] * (streams - 1))
