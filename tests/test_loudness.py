"""Loudness against the figures of the standard."""

import numpy as np
import pytest

from maskaudio.loudness import loudness, normalise


def sine(hertz, rate, seconds=2.0, size=1.0):
    return size * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_a_full_scale_sine_of_997_hertz_is_minus_three(rate):
    assert loudness(sine(997, rate), rate) == pytest.approx(-3.01, abs=0.1)  # BS.1770-4, annex 1


def test_ten_decibels_are_ten():
    assert loudness(sine(997, 24000, size=0.1), 24000) == pytest.approx(-23.01, abs=0.1)


def test_low_tones_count_less_and_high_ones_more():
    low, middle, high = (loudness(sine(f, 48000), 48000) for f in (40, 997, 4000))
    assert low < middle - 4 and high > middle + 2


def test_pauses_do_not_count():
    tone = sine(997, 24000)
    both = np.concatenate([tone, np.zeros_like(tone), np.zeros_like(tone)])
    assert loudness(both, 24000) == pytest.approx(loudness(tone, 24000), abs=0.7)


def test_normalise_gives_the_loudness_asked_for_and_spares_peaks():
    wave = normalise(sine(997, 24000, size=0.01), 24000, -23.0)
    assert loudness(wave, 24000) == pytest.approx(-23.0, abs=0.05)
    spike = np.zeros(24000)
    spike[::6000] = 0.5
    assert np.abs(normalise(spike, 24000, -3.0)).max() <= 0.95 + 1e-9
    assert np.array_equal(normalise(np.zeros(24000), 24000), np.zeros(24000))
