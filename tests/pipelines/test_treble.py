"""Treble made anew: below the cutoff nothing changes, above it there is something, and misuse is refused."""

import numpy as np
import pytest

from maskaudio import edit
from maskaudio.audio import Audio, resample
from maskaudio.errors import UsageError
from maskaudio.pipelines.treble import _above, ends_at
from tests.tiny import tiny_sound_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sound_model(tmp_path_factory.mktemp("models") / "bands", bands=True)


def noise(rate, seconds=1.0, channels=1):
    wave = np.random.default_rng(0).standard_normal((channels, round(seconds * rate)))
    return (0.1 * wave).astype(np.float32)


def level(samples, rate, low, high):
    """RMS of what lies between two frequencies."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(samples.shape[-1], 1 / rate)
    inside = (hertz >= low) & (hertz < high)
    return np.sqrt(np.square(np.fft.irfft(spectrum * inside, samples.shape[-1])).mean(-1))


@pytest.mark.parametrize("rate, channels", [(8000, 1), (16000, 2)])
def test_a_recording_of_a_low_rate_gets_treble_and_keeps_what_it_has(model, rate, channels):
    before = Audio(noise(rate, channels=channels), rate)
    before.samples[-1] *= 0.5
    after = edit.bandwidth(before, model=model, seed=1)
    assert after.sample_rate == 24000 and after.samples.shape == (channels, 24000)
    own = np.stack([resample(c, rate, 24000) for c in before.samples])
    top = 0.85 * rate / 2
    assert np.allclose(level(after.samples - own, 24000, 0, top), 0, atol=1e-4)
    assert (level(after.samples, 24000, 1.05 * rate / 2, 12000) > 1e-3).all()
    if channels == 2:
        left, right = level(after.samples, 24000, 1.05 * rate / 2, 12000)
        assert left / right == pytest.approx(2, rel=0.2), "each channel as loud as it was below"
    assert after.tags["bandwidth"].startswith("above")
    again = edit.bandwidth(before, model=model, seed=1)
    assert np.array_equal(after.samples, again.samples)


def test_where_a_spectrum_ends():
    wave = noise(24000, 2.0)
    assert ends_at(wave, 24000) == pytest.approx(12000, abs=100)
    low = np.stack([resample(resample(c, 24000, 8000), 8000, 24000) for c in wave])
    assert 4000 <= ends_at(low, 24000) <= 5200, "the resampler's slope"
    assert ends_at(noise(8000), 8000) == pytest.approx(4000, abs=100)
    assert ends_at(np.zeros((1, 100), np.float32), 24000) == 12000


def test_the_crossover_lies_under_the_cutoff():
    wave = noise(24000)
    above = _above(wave, 24000, 4000.0)
    assert level(above, 24000, 0, 3500)[0] < 1e-6 and level(wave - above, 24000, 4100, 12000)[0] < 1e-6


def test_what_makes_no_sense_is_refused(model, tmp_path):
    low = Audio(noise(8000), 8000)
    with pytest.raises(UsageError, match="nothing is missing"):
        edit.bandwidth(Audio(noise(24000), 24000), model=model)
    with pytest.raises(UsageError, match="lowest band"):
        edit.bandwidth(low, model=model, cutoff=100.0)
    with pytest.raises(UsageError, match="cutoff nan"):
        edit.bandwidth(low, model=model, cutoff=float("nan"))
    with pytest.raises(UsageError, match="at most 20 s"):
        edit.bandwidth(Audio(noise(8000, 21.0), 8000), model=model)
    with pytest.raises(UsageError, match="no frequency bands"):
        edit.bandwidth(low, model=tiny_sound_model(tmp_path / "residual"))
