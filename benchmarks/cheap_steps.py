"""What the engine does not do twice: each saving taken back alone, beside the engine as it is.

python -m benchmarks.cheap_steps [--seconds 10] [--rounds 5] [--threads 2] [--model NAME|PATH]

The codes of one sound of so many seconds (no audio is made of them), and a minute of speech. Every row is
the same mathematics, so that the codes are those of the first one but for cells where rounding decides:
`same` is their share (of speech: of samples). Rounds are interleaved, figures are medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

import maskaudio
from benchmarks.racing.roofline import gflop
from benchmarks.racing.texts import prompts, texts
from benchmarks.tables import table
from maskaudio.decoding.engine import Grid
from maskaudio.networks.transformer import Condition, MaskedTransformer
from maskaudio.pipelines.filling import Filling

MINUTE = 60.0  # seconds of speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    filling = Filling.of(model=args.model)
    network = filling.sound.transformer
    frames = round(args.seconds * filling.sound.codec.frame_rate)
    prompt = prompts(0, 1)[0]

    def fill() -> Tensor:
        return filling(Grid.blank(1, network.streams, frames), [prompt], [1])

    ways = {"as it is": nullcontext} | WAYS
    print(f"\n{args.seconds:g} s of sound, {args.threads} threads\n")
    print(raced(fill, ways, args.rounds))

    said = texts(MINUTE, 0, 1)[0]

    def speak() -> Tensor:
        return torch.from_numpy(maskaudio.speak(said, seed=1).samples)

    print(f"\n{MINUTE:g} s of speech, {args.threads} threads\n")
    print(raced(speak, {"as it is": nullcontext, "one sentence at a time": one_sentence}, 1))


def raced(call: Callable[[], Tensor], ways: dict[str, Any], rounds: int) -> str:
    """A row for each of the `ways`, which are context managers: GFLOP, seconds, ratio, codes in common."""
    call()
    work, made, taken = {}, {}, {name: [] for name in ways}
    for name, way in ways.items():
        with way():
            work[name] = gflop(lambda name=name: made.update({name: call()}))
    for _ in range(rounds):
        for name, way in ways.items():
            with way():
                began = time.perf_counter()
                call()
                taken[name].append(time.perf_counter() - began)
    usual = next(iter(ways))
    rows = []
    for name in ways:
        ratio = statistics.median(a / b for a, b in zip(taken[name], taken[usual], strict=True))
        one, other = made[name], made[usual]
        same = float((one == other).float().mean()) if one.shape == other.shape else float("nan")
        seconds = statistics.median(taken[name])
        rows.append([name, f"{work[name]:.1f}", f"{seconds:.3f}", f"{ratio:.2f}", f"{100 * same:.1f} %"])
    return table(["way", "GFLOP", "s", "times as long", "same"], rows)


def rows_in_turn() -> AbstractContextManager[Any]:
    """Guidance asks for its two rows one after the other."""
    plain = MaskedTransformer.score

    def score(
        self: Any, codes: Tensor, stage: int, condition: Condition, cells: Tensor, **more: Any
    ) -> Tensor:
        if len(codes) != 2:
            return plain(self, codes, stage, condition, cells, **more)
        parts = zip(codes.split(1), condition.split(1), cells.split(1), strict=True)
        return torch.cat([plain(self, own, stage, told, asked, **more) for own, told, asked in parts])

    return patch.object(MaskedTransformer, "score", score)


def every_frame_scored() -> AbstractContextManager[Any]:
    """The head of the stage scores all frames, not only those that are hidden."""
    plain = MaskedTransformer.score

    def score(
        self: Any, codes: Tensor, stage: int, condition: Condition, cells: Tensor, **more: Any
    ) -> Tensor:
        logits = plain(self, codes, stage, condition, torch.ones_like(cells), **more)
        return logits[cells.flatten()]

    return patch.object(MaskedTransformer, "score", score)


def every_head_asked() -> AbstractContextManager[Any]:
    """The heads of all streams score, not only those of the stage."""
    plain = MaskedTransformer.forward

    def forward(self: Any, codes: Tensor, stage: int, condition: Condition, **more: Any) -> Tensor:
        features = plain(self, codes, stage, condition, **more)
        for k, head in enumerate(self.heads):
            if k not in self.streams_of(stage):
                head(features)
        return features

    return patch.object(MaskedTransformer, "forward", forward)


@contextmanager
def text_read_every_step() -> Iterator[None]:
    """The text encoder, and the keys and values of every layer, anew for every step."""
    from maskaudio.pipelines.sound_model import SoundModel

    encode, forward = SoundModel.condition, MaskedTransformer.forward
    asked: dict[bool, Callable[[], Any]] = {}

    def condition(self: Any, *args: Any, dropped: bool = False, **more: Any) -> Any:
        asked[dropped] = lambda: encode(self, *args, dropped=dropped, **more)
        return encode(self, *args, dropped=dropped, **more)

    def forward_again(self: Any, *args: Any, **more: Any) -> Tensor:
        for once_more in asked.values():
            once_more()
        return forward(self, *args, **more)

    with (
        patch.object(SoundModel, "condition", condition),
        patch.object(MaskedTransformer, "forward", forward_again),
    ):
        yield


def dense_masks() -> AbstractContextManager[Any]:
    """Later streams look at their window through a mask over all pairs of frames."""

    def dense(
        q: Tensor, k: Tensor, v: Tensor, window: int, causal: bool = False, valid: Any = None
    ) -> Tensor:
        at = torch.arange(q.shape[2])
        near = (at[:, None] - at).abs() <= window
        near = near & (at[:, None] >= at) if causal else near
        allowed = near if valid is None else near & valid[:, None, None]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)

    return patch("maskaudio.networks.attention.windowed_attention", dense)


def one_sentence() -> AbstractContextManager[Any]:
    """Sentences of a long text one after the other."""
    return patch("maskaudio.pipelines.saying.SIDE_BY_SIDE", 0.0)


WAYS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "the two rows of guidance one after the other": rows_in_turn,
    "the head scores all frames": every_frame_scored,
    "the heads of all streams score": every_head_asked,
    "the text read anew for every step": text_read_every_step,
    "attention of later streams over all frames, masked": dense_masks,
}

if __name__ == "__main__":
    main()
