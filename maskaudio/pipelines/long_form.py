"""Sound of any length: windows that hear the end of the one before; and sound that runs in a circle."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from maskaudio.codec.protocol import Codec
from maskaudio.decoding.engine import Grid

WINDOW = 30.0  # seconds in one grid
OVERLAP = 5.0  # seconds of it that are known already
SEAM = 0.6  # seconds on either side of where a loop closes that are made to fit
FADE = 0.05  # seconds of cross-fade between two decodings of the same codes

Fill = Callable[[Grid, int], Tensor]  # a grid and the number of the window → its codes


def windows(
    codec: Codec, fill: Fill, streams: int, frames: int, seconds: float = WINDOW
) -> Iterator[np.ndarray]:
    """Samples [1, N] of `frames` frames in all, piece by piece; memory does not depend on how many.

    Every window (of so many seconds) but the first begins with the last OVERLAP seconds of codes of the one
    before, revealed, or with its last third; the join lies in the middle of them, where both windows know
    what is to both sides.
    """
    window = round(seconds * codec.frame_rate)
    overlap = round(min(OVERLAP, seconds / 3) * codec.frame_rate)
    hop = round(codec.sample_rate / codec.frame_rate)
    fade, middle = round(FADE * codec.sample_rate), overlap * hop // 2
    known: Tensor | None = None
    held: np.ndarray | None = None
    number = 0
    while frames > 0:
        if known is None:
            grid = Grid.blank(1, streams, min(window, frames))
            frames -= grid.codes.shape[2]
        else:
            blank = Grid.blank(1, streams, min(window - overlap, frames))
            frames -= blank.codes.shape[2]
            grid = Grid(
                torch.cat([known, blank.codes], 2),
                torch.cat([torch.ones_like(known, dtype=torch.bool), blank.known], 2),
            )
        codes = fill(grid, number)
        number += 1
        wave = decoded(codec, codes)
        if held is not None:
            yield join(held, wave[:, middle : middle + fade])
            wave = wave[:, middle + fade :]
        if frames <= 0:
            yield wave
            return
        known = codes[:, :, -overlap:]
        end = wave.shape[1] - overlap * hop + middle
        held = wave[:, end : end + fade]
        yield wave[:, :end]


def close_loop(codec: Codec, fill: Fill, codes: Tensor) -> np.ndarray:
    """Samples [1, N] of codes [1, K, T] made to run in a circle: the end leads into the beginning.

    The grid is turned by half, so that the seam lies in its middle, and filled anew around it.
    """
    frames = codes.shape[2]
    half, seam = frames // 2, min(round(SEAM * codec.frame_rate), frames // 3)
    known = torch.ones_like(codes, dtype=torch.bool)
    known[:, :, half - seam : half + seam] = False
    codes = fill(Grid(codes.roll(half, 2), known), 1).roll(-half, 2)
    hop = round(codec.sample_rate / codec.frame_rate)
    around = min(frames, round(codec.frame_rate))  # frames of run-up on either side
    wave = decoded(codec, torch.cat([codes[:, :, -around:], codes, codes[:, :, :around]], 2))
    body = wave[:, around * hop : (around + frames) * hop].copy()
    fade = min(round(FADE * codec.sample_rate), body.shape[1] // 4)
    body[:, -fade:] = join(body[:, -fade:], wave[:, around * hop - fade : around * hop])
    return body


def join(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fade from `old` to `new` [C, N] at constant power, however alike the two are."""
    course = np.pi / 2 * (np.arange(old.shape[1], dtype=np.float32) + 0.5) / max(1, old.shape[1])
    energy = float(np.sqrt(np.square(old).sum() * np.square(new).sum()))
    alike = max(0.0, float((old * new).sum()) / energy) if energy > 0 else 0.0
    out, into = np.cos(course), np.sin(course)
    return ((out * old + into * new) / np.sqrt(1 + 2 * alike * out * into)).astype(np.float32)


@torch.inference_mode()
def decoded(codec: Codec, codes: Tensor) -> np.ndarray:
    """Samples [1, N] of codes [1, K, T]."""
    return codec.decode(codes)[0].mean(0, keepdim=True).float().cpu().numpy()
