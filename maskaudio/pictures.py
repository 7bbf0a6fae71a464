"""Pictures: a grid being revealed, and a clip with its tokens."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from maskaudio.decoding.engine import Progress
from maskaudio.errors import UsageError
from maskaudio.files import write_file

STILL, MOVING = ".png", ".gif"
CELL = 6  # pixels of a cell in a moving picture, at least
LINGER = 1500  # milliseconds that its end is shown


class Trace:
    """An observer of a decode (of one clip) that can draw what it saw."""

    def __init__(self) -> None:
        self.known: list[np.ndarray] = []  # [K, T] after every step

    def __call__(self, progress: Progress) -> None:
        self.known.append(progress.known[0].cpu().numpy())

    @property
    def steps(self) -> np.ndarray:
        """The step that revealed each cell for good, [K, T]; 1 where it was known before, too."""
        seen = np.stack(self.known)
        hidden = ~seen
        last = len(seen) - np.argmax(hidden[::-1], axis=0)  # the last step after which it was still hidden
        return np.where(hidden.any(0), last + 1, 1)

    def save(self, path: Path, *, overwrite: bool = True) -> None:
        """Write a .png that colours cells by their step, or a .gif that shows the steps one by one."""
        check_picture(path, (STILL, MOVING))
        data = self._still() if path.suffix.lower() == STILL else self._moving()
        write_file(path, data, overwrite=overwrite)

    def _still(self) -> bytes:
        pyplot = _pyplot()
        figure, axes = pyplot.subplots(figsize=(11, 2.6), layout="constrained")
        image = axes.imshow(self.steps, aspect="auto", cmap="viridis", interpolation="nearest")
        axes.set_xlabel("frame")
        axes.set_ylabel("stream")
        figure.colorbar(image, label="revealed in step", pad=0.01)
        return _png(pyplot, figure)

    def _moving(self) -> bytes:
        from matplotlib import colormaps
        from PIL import Image

        frames = self.known[0].shape[1]
        width = max(CELL, -(-600 // frames))
        shades = (255 * colormaps["viridis"](self.steps / len(self.known))[..., :3]).astype(np.uint8)
        pictures = []
        for known in self.known:
            cells = np.where(known[..., None], shades, np.uint8(32))
            pictures.append(Image.fromarray(cells.repeat(4 * CELL, 0).repeat(width, 1)))
        out = io.BytesIO()
        times = [150] * (len(pictures) - 1) + [LINGER]
        pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
        return out.getvalue()


def draw_clip(mel: np.ndarray, codes: np.ndarray, seconds: float, title: str) -> bytes:
    """A PNG of a log-mel spectrogram [n_mels, F] above the tokens [K, T] of the same `seconds`."""
    pyplot = _pyplot()
    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(11, 5), sharex=True, layout="constrained", height_ratios=(3, 1)
    )
    place = (0.0, seconds)
    tokens = {"cmap": "twilight", "interpolation": "nearest", "extent": (*place, len(codes), 0)}
    upper.imshow(mel, origin="lower", aspect="auto", cmap="magma", extent=(*place, 0, len(mel)))
    upper.set_ylabel("mel band")
    upper.set_title(title)
    lower.imshow(codes, aspect="auto", **tokens)
    lower.set_ylabel("stream")
    lower.set_xlabel("seconds")
    return _png(pyplot, figure)


def draw_spectrogram(mel: np.ndarray, seconds: float) -> bytes:
    """A PNG of a mel spectrogram [n_mels, F] in dB of so many seconds, 70 dB from dark to light."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(5, 1.5), layout="constrained")
    place = (0.0, seconds, 0, len(mel))
    axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", extent=place, vmin=mel.max() - 70)
    axes.set_yticks([])
    axes.set_ylabel("mel")
    axes.set_xlabel("seconds")
    return _png(pyplot, figure)


def check_picture(path: Path, kinds: tuple[str, ...]) -> None:
    """Raise UsageError where the name of a picture ends in none of `kinds`."""
    if path.suffix.lower() not in kinds:
        raise UsageError(f"{path}: a picture's name ends in {' or '.join(kinds)}")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _png(pyplot: Any, figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return out.getvalue()
