"""Putting what was made into a recording whose own samples stay as they are."""

import numpy as np

FADE = 0.02  # seconds of cross-fade inside either edge


def splice(samples: np.ndarray, place: slice, made: np.ndarray, sample_rate: int) -> np.ndarray:
    """samples [C, N] with `place` taken by made [C, M], cross-faded inside its edges: [C, N + M − |place|].

    What was made is held below full scale: one peak above it, and a writer turns the whole recording down.
    """
    made = made / max(1.0, float(np.abs(made).max(initial=0.0)))
    old = samples[:, place]
    fade = min(round(FADE * sample_rate), made.shape[1] // 2, old.shape[1] // 2)
    if fade:
        ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
        made[:, :fade] = ramp * made[:, :fade] + (1 - ramp) * old[:, :fade]
        made[:, -fade:] = ramp[::-1] * made[:, -fade:] + ramp * old[:, -fade:]
    made = made.astype(samples.dtype)
    return np.concatenate([samples[:, : place.start], made, samples[:, place.stop :]], 1)
