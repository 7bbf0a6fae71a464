"""Training the speech tokeniser: phones frame by frame where their times are known, CTC everywhere."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import save_model
from maskaudio.codec.mel import MelSpectrogram
from maskaudio.codec.semantic import FINER, NOTHING, Heard, SpeechTokeniser, spelled
from maskaudio.compat import load_torchaudio
from maskaudio.devices import pick_device
from maskaudio.training.augment import vary
from maskaudio.training.recipe import TokeniserRecipe, recipe_clips
from maskaudio.training.spoken import Spoken, frame_classes, spoken
from maskaudio.training.store import AudioStore, store_splits
from maskaudio.training.trainer import main_process_first, train


class TokeniserLoss(nn.Module):
    """CTC before and behind the quantiser, phones frame by frame, and the course of the spectrum.

    The last one keeps melody and loudness in the tokens: the mel spectrogram is to be told from the tokens
    and one vector of the whole clip. The vector may say who speaks, so that the tokens need not.
    """

    def __init__(self, tokeniser: SpeechTokeniser):
        super().__init__()
        c = tokeniser.config
        self.tokeniser = tokeniser
        self.who = nn.Sequential(nn.Linear(c.n_mels, c.dim), nn.GELU(), nn.Linear(c.dim, c.dim))
        self.blend = nn.Sequential(nn.Linear(c.dim, c.dim), nn.GELU(), nn.Linear(c.dim, c.n_mels))

    def forward(
        self, mel: Tensor, valid: Tensor, classes: Tensor, phones: Tensor, phone_count: Tensor
    ) -> dict[str, Tensor]:
        """mel [B, n_mels, F], valid bool [B, T], classes [B, 2T] (−1: unknown), phones [B, n], how many."""
        heard = self.tokeniser.listen(mel, valid)
        lengths = valid.sum(1)
        figures = {
            "early": _ctc(heard.early.float(), lengths, phones, phone_count),
            "ctc": _ctc(heard.ctc, lengths * FINER, phones, phone_count),
            "frames": _known(heard.frames, classes),
            "course": self._course(heard, mel, valid),
        }
        weights = {"early": 0.15, "ctc": 0.5, "frames": 1.0, "course": 0.25}
        loss = sum(weights[k] * x for k, x in figures.items())
        return {"loss": loss} | {k: x.detach() for k, x in figures.items()}

    def _course(self, heard: Heard, mel: Tensor, valid: Tensor) -> Tensor:
        slow = F.avg_pool1d(mel, self.tokeniser.config.stride).transpose(1, 2)
        weight = valid[..., None].to(slow.dtype)
        who = (self.who(slow) * weight).sum(1) / weight.sum(1)
        told = self.blend(heard.features + who[:, None])
        return ((told.float() - slow).abs() * weight).sum() / weight.sum() / slow.shape[-1]


def _known(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of frames whose class is known; 0 where none is."""
    loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), ignore_index=-1, reduction="sum")
    return loss / (classes >= 0).sum().clamp(min=1)


def _ctc(logits: Tensor, lengths: Tensor, phones: Tensor, phone_count: Tensor) -> Tensor:
    """CTC in nats a phone."""
    log_p = logits.log_softmax(-1).transpose(0, 1)
    loss = F.ctc_loss(log_p, phones + 1, lengths, phone_count, NOTHING, reduction="none", zero_infinity=True)
    return loss.sum() / phone_count.sum()


@dataclass
class TokeniserTask:
    """Whole clips of similar length, each as another voice and room would give it."""

    tokeniser: SpeechTokeniser
    train: AudioStore
    valid: AudioStore
    seconds: float  # of audio in a batch
    seed: int = 0
    said: dict[str, Spoken] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for clip in (*self.train.clips, *self.valid.clips):
            self.said[clip.name] = spoken(clip)
        c = self.tokeniser.config
        # of its own: that of the tokeniser may have gone to another device
        self.mel = MelSpectrogram(c.sample_rate, c.n_fft, c.hop, c.n_mels)
        self.order = np.argsort(self.train.seconds, kind="stable")

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, step, rank])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        middle = int(rng.integers(len(self.order)))
        near = self.order[max(0, middle - 100) : middle + 100]
        count = max(1, round(self.seconds / float(self.train.seconds[near].mean())))
        batch = self.pack(self.train, rng.choice(near, min(count, len(near)), replace=False))
        return batch | {"mel": vary(batch["mel"], self.train.sample_rate, generator)}

    def pack(self, store: AudioStore, picks: np.ndarray) -> dict[str, Tensor]:
        """Clips `picks` of `store` as a batch, padded with silence."""
        c = self.tokeniser.config
        frame = c.hop * c.stride
        waves = [store.wave(i).astype(np.float32) / 32768.0 for i in picks]
        frames = [-(-len(w) // frame) for w in waves]
        longest = max(frames)
        said = [self.said[store.clips[i].name] for i in picks]
        wave = torch.from_numpy(np.stack([np.pad(w, (0, longest * frame - len(w))) for w in waves]))
        phones = [torch.from_numpy(s.units.phones) for s in said]
        rate = FINER * self.tokeniser.frame_rate
        classes = np.full((len(picks), FINER * longest), -1, dtype=np.int64)
        for row, s, n in zip(classes, said, frames, strict=True):
            row[: FINER * n] = frame_classes(s, FINER * n, rate)
        return {
            "mel": self.mel(wave),
            "valid": torch.arange(longest) < torch.tensor(frames)[:, None],
            "classes": torch.from_numpy(classes),
            "phones": nn.utils.rnn.pad_sequence(phones, batch_first=True),
            "phone_count": torch.tensor([len(p) for p in phones]),
        }

    @torch.no_grad()
    def validate(self, module: nn.Module) -> dict[str, float]:
        """Phone error before and behind the quantiser, shares of frames right and codes in use, losses."""
        device = next(module.parameters()).device
        edits = load_torchaudio().functional.edit_distance
        wrong, right, used, losses = {"early": 0, "ctc": 0}, [], set(), []
        total = 0
        order = np.argsort(self.valid.seconds, kind="stable")
        for picks in np.array_split(order, max(1, len(order) // 12)):
            batch = {k: v.to(device) for k, v in self.pack(self.valid, picks).items()}
            losses.append({k: float(v) for k, v in module(**batch).items()})
            heard = module.tokeniser.listen(batch["mel"], batch["valid"])
            known = batch["classes"] >= 0
            right += (heard.frames.argmax(-1) == batch["classes"])[known].tolist()
            tokens = module.tokeniser.tokens_of(batch["mel"], batch["valid"])
            used |= set(tokens[:, 0][batch["valid"]].tolist())
            lengths = batch["valid"].sum(1).tolist()
            for i, n in enumerate(lengths):
                said = batch["phones"][i, : batch["phone_count"][i]].tolist()
                total += len(said)
                wrong["early"] += edits(said, spelled(heard.early[i], n))
                wrong["ctc"] += edits(said, spelled(heard.ctc[i], FINER * n))
        figures = {k: float(np.mean([x[k] for x in losses])) for k in losses[0]}
        figures |= {f"phone_error_{k}": n / total for k, n in wrong.items()}
        return figures | {
            "frames_right": sum(right) / max(1, len(right)),
            "used": len(used) / module.tokeniser.vocab,
        }

    def show(self, module: nn.Module, folder: Path) -> None:
        """Phones are nothing to hear; the figures say it."""


def train_speech_tokens(
    recipe: TokeniserRecipe,
    sources: list[Path],
    run: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> Path:
    """Carry out a recipe for a speech tokeniser; returns the folder of the finished model, `run`/model."""
    clips, _ = recipe_clips(recipe.data, sources, spoken=True)
    with main_process_first(pick_device(device)):
        stores = store_splits(clips, run / "audio", recipe.model.sample_rate, recipe.data.tones)
    torch.manual_seed(recipe.training.seed)
    tokeniser = SpeechTokeniser(recipe.model)
    module = TokeniserLoss(tokeniser)
    task = TokeniserTask(tokeniser, *stores.values(), recipe.seconds, recipe.training.seed)
    average = train(module, task, recipe.training, run / "training", resume=resume, device=device, **options)
    module.load_state_dict(average, strict=False)
    folder = run / "model"
    about = recipe.about | {"parameters": sum(p.numel() for p in tokeniser.parameters())}
    save_model(folder, "speech-tokens", recipe.model, tokeniser, about=about)
    return folder
