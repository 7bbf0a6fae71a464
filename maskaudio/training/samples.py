"""What a run lets its owner hear and see: a WAV and its spectrogram."""

from pathlib import Path

import numpy as np


def save_sample(path: Path, wave: np.ndarray, sample_rate: int) -> None:
    """Write wave [N] to `path`.wav and a picture of its log-mel spectrogram to `path`.png."""
    import matplotlib
    import soundfile
    import torch

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from maskaudio.evaluation.mel import mel_db

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(f"{path}.wav", wave, sample_rate)
    mel = mel_db(torch.from_numpy(np.ascontiguousarray(wave))[None], sample_rate)[0].numpy()
    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    seconds = len(wave) / sample_rate
    top = float(mel.max())
    axes.imshow(mel, aspect="auto", origin="lower", extent=(0, seconds, 0, len(mel)), vmin=top - 80, vmax=top)
    axes.set_xlabel("seconds")
    axes.set_ylabel("mel band")
    figure.savefig(f"{path}.png", dpi=80)
    pyplot.close(figure)
