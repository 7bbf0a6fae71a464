"""Frames there and back, phases found, and what a vocoder knows of harmonics."""

import math

import pytest
import torch
import torch.nn.functional as F

from maskaudio.codec.harmonics import Harmonics, comb_details, combs, detail, mel_comb_details
from maskaudio.codec.neural import DEEPER, NeuralCodec
from maskaudio.codec.stft import GriffinLim, InverseSTFT, stft, stft_magnitude
from tests.tiny import CODEC


@pytest.mark.parametrize(("n_fft", "hop"), [(960, 240), (1024, 256), (512, 128)])
def test_the_inverse_stft_of_an_stft_is_the_wave(n_fft, hop):
    wave = torch.randn(2, 20 * hop, generator=torch.Generator().manual_seed(0))
    back = InverseSTFT(n_fft, hop)(stft(wave, torch.hann_window(n_fft), hop))
    assert back.shape == wave.shape
    assert torch.allclose(back, wave, atol=1e-5)


def voice():
    """A second of 24 kHz: harmonics of a gliding pitch, and a click."""
    time = torch.arange(24000) / 24000
    phase = 2 * math.pi * torch.cumsum(120 + 60 * time, 0) / 24000
    wave = sum(torch.sin(h * phase) / h for h in range(1, 30))
    wave[12000] += 5
    return 0.1 * wave[None]


def spectral_convergence(made, magnitude):
    window = torch.hann_window(960)
    return ((stft_magnitude(made, window, 240) - magnitude).norm() / magnitude.norm()).item()


def test_griffin_lim_finds_a_wave_of_these_magnitudes():
    magnitude = stft_magnitude(voice(), torch.hann_window(960), 240)
    errors = [spectral_convergence(GriffinLim(960, 240, n)(magnitude), magnitude) for n in (0, 8, 32)]
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]
    assert errors[2] < 0.1


def test_a_wave_does_not_depend_on_its_neighbours_in_the_batch():
    magnitude = stft_magnitude(torch.cat([voice(), voice().flip(1)]), torch.hann_window(960), 240)
    both, alone = GriffinLim(960, 240, 8)(magnitude), GriffinLim(960, 240, 8)(magnitude[1:])
    assert torch.allclose(both[1:], alone, atol=1e-5)


def test_the_comb_of_a_pitch_has_its_teeth_at_the_harmonics():
    found = combs(24000, 960, count=2, lowest=100.0, highest=250.0)
    assert found.shape == (2, 481)
    for comb, step in zip(detail(found.log()), (4, 10), strict=True):  # bins of 25 Hz
        teeth, gaps = comb[step:300:step], comb[step + step // 2 : 300 : step]
        assert teeth.min() > gaps.max() + 1


def test_bands_show_a_comb_only_where_they_are_narrower_than_its_gaps():
    found = mel_comb_details(24000, 960, 100)
    assert found.shape == (256, 100)
    spread = found.amax(1, keepdim=True) - found.amin(1, keepdim=True)
    assert (spread > 0.5).all()
    wide = slice(80, 92)  # wider than 260 Hz
    assert found[0, wide].abs().max() < 0.1 < found[0, :20].abs().max()


def test_detail_is_what_a_moving_mean_leaves():
    assert detail(torch.full((2, 3, 481), 7.0)).abs().max() < 1e-5
    spike = torch.zeros(1, 481)
    spike[0, 200] = 49.0
    assert detail(spike)[0, 200].item() == pytest.approx(48.0) and detail(spike)[0, 210].item() == -1.0


def test_a_sure_pitch_adds_its_comb_as_deep_as_told():
    harmonics = Harmonics(8, comb_details(24000, 960), bands=4)
    for layer in (harmonics.pick, harmonics.depth):
        torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        harmonics.pick.bias[:] = 50.0 * F.one_hot(torch.tensor(17), 256)
        harmonics.depth.bias[:] = 0.5
        added, pitch = harmonics(torch.randn(1, 3, 8))
    assert pitch.argmax(-1).tolist() == [[17, 17, 17]]
    assert torch.allclose(added[0, 1], 0.5 * harmonics.templates[17], atol=1e-4)


def test_harmonics_are_decoded_deeper_than_they_are_learned():
    codec = NeuralCodec(CODEC)
    torch.nn.init.constant_(codec.decoder.harmonics.depth.bias, 1.0)
    latent = torch.randn(1, 5, CODEC.streams * len(CODEC.levels))
    known = torch.zeros(1, 5 * CODEC.stride, 256)
    with torch.no_grad():
        learned = codec.train().decoder(latent, known)[0]
        decoded = codec.eval().decoder(latent, known)[0]
        codec.decoder.harmonics.templates.zero_()
        flat = codec.decoder(latent, known)[0]
    assert torch.allclose(decoded - flat, DEEPER * (learned - flat), atol=1e-4)
    assert (decoded - flat).abs().max() > 0.1
