"""A judge of sounds: which label does a clip carry? A small convolutional network on mel power."""

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.errors import MaskaudioError, first_line
from maskaudio.evaluation.mel import mel_db

SAMPLE_RATE = 24000
SECONDS = 4.0
RANGE = 70.0  # dB under the loudest cell of a clip; what lies deeper is not seen


class Judge(nn.Module):
    """Mel power in dB [B, 64, T] → logits [B, labels]; the level of a clip does not matter.

    Four residual stages; each keeps the frequency axis, so that pitch and timbre are told apart, and only
    time is pooled, by mean and by maximum.
    """

    def __init__(self, labels: list[str], widths: tuple[int, ...] = (32, 64, 128, 192)):
        super().__init__()
        self.labels = labels
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]))
        self.stages = nn.Sequential(*(_Stage(a, b) for a, b in pairwise(widths)))
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(widths[-1] * 4 * 2, len(labels))

    def forward(self, mel: Tensor) -> Tensor:
        return self.head(self.drop(self.embed(mel)))

    def embed(self, mel: Tensor) -> Tensor:
        """Mel power in dB [B, 64, T] → what the labels are read from, [B, 1536]."""
        top = mel.amax((1, 2), keepdim=True)
        x = (mel - top).clamp(min=-RANGE) / RANGE * 4 + 2
        x = self.stages(F.relu(self.stem(x[:, None])))  # [B, C, 4, T / 16]
        return torch.cat([x.mean(-1), x.amax(-1)], 1).flatten(1)

    @torch.inference_mode()
    def rank(self, waves: Tensor) -> list[list[str]]:
        """waves [B, N] at 24 kHz → for each its labels, likeliest first; the first four seconds count."""
        return self.hear(waves)[0]

    @torch.inference_mode()
    def hear(self, waves: Tensor) -> tuple[list[list[str]], Tensor]:
        """The same, and the embeddings [B, 1536] that it goes by."""
        length = int(SECONDS * SAMPLE_RATE)
        waves = F.pad(waves[:, :length], (0, max(0, length - waves.shape[1])))
        embedding = self.embed(mel_db(waves))
        order = self.head(embedding).argsort(-1, descending=True)
        return [[self.labels[i] for i in row] for row in order.tolist()], embedding


class _Stage(nn.Module):
    """Halve both axes, then refine."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after))
        self.refine = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.down(x))
        return F.relu(x + self.refine(x))


def save_judge(judge: Judge, path: Path) -> None:
    """Weights in half precision, the labels in the file's header."""
    from safetensors.torch import save_file

    state = judge.state_dict()
    tensors = {n: (t.half() if t.is_floating_point() else t).contiguous() for n, t in state.items()}
    save_file(tensors, path, metadata={"labels": json.dumps(judge.labels)})


def load_judge(path: Path) -> Judge:
    """The judge kept at `path`. Raises MaskaudioError where the file is missing or something else."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            labels = (file.metadata() or {}).get("labels")
            tensors = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise MaskaudioError(f"{path}: not a judge ({error})") from None
    if labels is None:
        raise MaskaudioError(f"{path}: not a judge (its header names no labels)")
    try:
        judge = Judge(json.loads(labels))
        judge.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in tensors.items()})
    except (ValueError, TypeError, RuntimeError) as error:
        raise MaskaudioError(f"{path}: not a judge ({first_line(error)})") from None
    return judge.eval()
