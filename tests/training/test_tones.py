"""A teacher's whistle is taken out of its clips, and out of nobody else's."""

import json

import numpy as np
import soundfile

from maskaudio.training.clips import find_clips
from maskaudio.training.store import store_audio
from maskaudio.training.tones import without_tones

RATE = 24000
NOISE = 0.05 * np.random.default_rng(0).standard_normal(2 * RATE)
WHISTLE = 0.02 * np.sin(2 * np.pi * 4800 * np.arange(2 * RATE) / RATE)


def over_its_neighbours(wave, hertz):
    """Decibels of the spectrum at `hertz` over 40 to 150 Hz beside it."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 2400)[::600] * np.hanning(2400)
    level = np.abs(np.fft.rfft(frames)).mean(0)
    at = hertz // 10
    beside = np.r_[level[at - 15 : at - 4], level[at + 5 : at + 16]]
    return 20 * np.log10(level[at - 1 : at + 2].mean() / beside.mean())


def test_the_tone_is_gone_and_hardly_anything_else():
    clean = without_tones(NOISE + WHISTLE, RATE, [4800])
    assert over_its_neighbours(NOISE + WHISTLE, 4800) > 10 and over_its_neighbours(clean, 4800) < 0
    assert np.abs(clean - NOISE).std() < 0.1 * NOISE.std() and clean.dtype == np.float32


def test_only_clips_of_that_source_are_filtered_and_a_store_without_it_is_none(tmp_path):
    rows = []
    for name in ("teacher", "nature"):
        soundfile.write(tmp_path / f"{name}.wav", NOISE + WHISTLE, RATE)
        rows.append(json.dumps({"file": f"{name}.wav", "source": name, "split": "train"}))
    (tmp_path / "m.jsonl").write_text("\n".join(rows))
    clips, _ = find_clips(tmp_path / "m.jsonl")
    plain, _ = store_audio(clips, tmp_path / "cache", RATE)
    assert np.array_equal(plain.wave(0), plain.wave(1))
    store, _ = store_audio(clips, tmp_path / "cache", RATE, {"teacher": [4800]})
    teacher, nature = (store.wave(i) / 32768 for i in (0, 1))
    assert over_its_neighbours(teacher, 4800) < 3 and over_its_neighbours(nature, 4800) > 10
    made = (tmp_path / "cache" / "audio.i16").stat().st_mtime_ns
    store_audio(clips, tmp_path / "cache", RATE, {"teacher": (4800,)})
    assert (tmp_path / "cache" / "audio.i16").stat().st_mtime_ns == made
