import math

import pytest
import torch

from maskaudio.evaluation.mel import mel_db, mel_distance


def tone(hertz, seconds=1.0):
    return torch.sin(2 * math.pi * hertz * torch.arange(int(24000 * seconds)) / 24000)[None]


def test_level_and_place_of_a_tone():
    low, high = mel_db(tone(300)), mel_db(tone(3000))
    assert low.shape == (1, 64, 1 + 24000 // 480)
    assert low.mean(-1).argmax() < high.mean(-1).argmax()
    softer = mel_db(tone(300) / 10)
    assert (low - softer).amax().item() == pytest.approx(20, abs=0.1)


def test_silence_lies_on_the_floor():
    assert mel_db(torch.zeros(1, 4800)).unique().tolist() == [-100.0]


@pytest.mark.parametrize("n_fft, n_mels", [(512, 40), (1024, 64), (2048, 96)])
def test_every_band_hears_something(n_fft, n_mels):
    noise = torch.randn(1, 24000, generator=torch.Generator().manual_seed(0))
    assert mel_db(noise, n_fft=n_fft, n_mels=n_mels).amin() > -80


def test_distance_grows_with_the_noise():
    noise = torch.randn(1, 24000, generator=torch.Generator().manual_seed(0))
    clean = tone(440)
    steps = [mel_distance(clean, clean + gain * noise) for gain in (0.0, 0.01, 0.1)]
    assert steps[0] == 0
    assert steps == sorted(steps)
