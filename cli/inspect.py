"""`maskaudio inspect`: what is in a sound file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options

if TYPE_CHECKING:
    import numpy as np

SHADES = " ·░▒▓█"
ROWS, COLUMNS = 16, 72  # of the spectrogram in a terminal


def inspect(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A sound file.")],
    picture: Annotated[
        Path | None, options.option("--picture", help="Draw spectrogram and tokens into this .png.")
    ] = None,
    codec: Annotated[str, options.option("--codec", help="Whose tokens to draw.")] = "codec",
    overwrite: options.Overwrite = False,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show a file's length, loudness and tags, and its spectrogram; with --picture its tokens, too."""
    from maskaudio.audio import read_audio, resample
    from maskaudio.files import write_file
    from maskaudio.loudness import loudness

    clip = read_audio(source)
    wave = clip.samples.mean(0)
    facts: dict[str, Any] = {
        "file": str(source),
        "seconds": round(clip.duration, 3),
        "sample_rate": clip.sample_rate,
        "channels": len(clip.samples),
        "loudness_lufs": _finite(loudness(wave, clip.sample_rate)),
        "peak": round(float(abs(clip.samples).max()), 4),
        "tags": clip.tags,
    }
    options.set_up(quiet=quiet, threads=threads)
    if picture:
        from maskaudio.pictures import check_picture, draw_clip

        check_picture(picture, (".png",))

    import numpy as np
    import torch

    from maskaudio.codec.load import load_codec
    from maskaudio.codec.mel import MelSpectrogram

    rate = 24000
    wave = resample(np.ascontiguousarray(wave), clip.sample_rate, rate)
    with torch.inference_mode():
        mel = MelSpectrogram(rate, 960, 240, 80)(torch.from_numpy(wave)[None])[0].numpy()
        if picture:
            model = load_codec(codec)
            own = resample(np.ascontiguousarray(clip.samples.mean(0)), clip.sample_rate, model.sample_rate)
            codes = model.encode(torch.from_numpy(own)[None, None])[0].numpy()
            data = draw_clip(mel, codes, clip.duration, source.name)
            write_file(picture, data, overwrite=overwrite)
            facts["picture"] = str(picture)
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for name, value in facts.items():
        for key, entry in value.items() if isinstance(value, dict) else ((name, value),):
            print(f"{key:<14} {entry}")
    if not quiet:
        print("\n".join(_shaded(mel)))


def _shaded(mel: "np.ndarray") -> list[str]:
    """A spectrogram [n_mels, F] as lines of text, the highest band first; 60 dB from light to dark."""
    import numpy as np

    columns = min(COLUMNS, mel.shape[1])
    bands = [b.max(0) for b in np.array_split(mel, ROWS)]
    cells = np.array([[part.max() for part in np.array_split(band, columns)] for band in bands])
    level = np.clip(1 + (cells - cells.max()) / (60 / 20 * np.log(10)), 0, 1)
    return ["".join(SHADES[int(x * (len(SHADES) - 1) + 0.5)] for x in row) for row in level[::-1]]


def _finite(value: float) -> float | None:
    """A number that JSON has; None for the loudness of silence."""
    return round(value, 1) if value > float("-inf") else None
