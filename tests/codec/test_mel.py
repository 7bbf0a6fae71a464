"""Mel frames against references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.codec.mel import MelSpectrogram, mel_filters
from maskaudio.compat import load_torchaudio


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels"), [(24000, 960, 100), (16000, 1024, 80), (24000, 1024, 64)]
)
def test_filters_are_those_of_torchaudio(rate, n_fft, n_mels):
    functional = load_torchaudio().functional
    reference = functional.melscale_fbanks(n_fft // 2 + 1, 0.0, rate / 2, n_mels, rate, norm=None)
    assert (mel_filters(rate, n_fft, n_mels) - reference).abs().max() < 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.sampled_from([(960, 240), (1024, 256)]))
def test_n_samples_are_n_over_hop_frames(frames, shape):
    n_fft, hop = shape
    mel = MelSpectrogram(24000, n_fft, hop, 20)
    assert mel(torch.zeros(1, frames * hop)).shape == (1, 20, frames)


def test_a_sine_stands_in_its_band_with_its_level():
    mel = MelSpectrogram(24000, 960, 240, 100)
    frequency = 1000.0  # bin 40 of 481 exactly
    wave = torch.sin(2 * math.pi * frequency * torch.arange(24000) / 24000)[None]
    frame = mel(wave)[0, :, 50]
    filters = mel_filters(24000, 960, 100)
    assert frame.argmax() == filters[40].argmax()
    # a Hann window's main lobe: n_fft / 4 at the bin, half of it at each neighbour
    spectrum = torch.zeros(481)
    spectrum[39:42] = torch.tensor([120.0, 240.0, 120.0])
    expected = (spectrum @ filters).clamp(min=1e-2).log()
    assert frame[frame.argmax()].item() == pytest.approx(expected.max().item(), abs=1e-3)


def test_a_click_is_heard_in_the_frame_it_falls_into():
    mel = MelSpectrogram(24000, 960, 240, 20)
    for frame in (3, 10, 17):
        wave = torch.zeros(1, 20 * 240)
        wave[0, frame * 240 + 120] = 1.0  # the centre of the frame
        assert mel(wave)[0].mean(0).argmax() == frame


def test_silence_and_noise_give_finite_gradients():
    mel = MelSpectrogram(24000, 960, 240, 100)
    for wave in (torch.zeros(1, 4800), torch.randn(1, 4800)):
        wave.requires_grad_()
        mel(wave).sum().backward()
        assert wave.grad.isfinite().all()
