"""Reading and writing audio: the same clip, the same bytes; whole files or none."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.audio import Audio, encode_audio, read_audio, resample
from maskaudio.encoding import FORMATS
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import open_whole

TAGS = {"generated": "yes", "software": "maskaudio 0.1.0", "seed": "7", "note": "Über den Dächern"}


def clip(seconds=0.5, rate=24000, channels=1):
    noise = np.random.default_rng(0).standard_normal((channels, int(seconds * rate)))
    return Audio((0.1 * noise).astype(np.float32), rate, TAGS)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_there_and_back(tmp_path, format, channels):
    made = clip(channels=channels)
    path = made.save(tmp_path / f"x.{format}")
    assert path.read_bytes() == encode_audio(made, format), "the same clip gives the same bytes"
    assert [p.name for p in tmp_path.iterdir()] == [f"x.{format}"]
    if format == "raw":
        back = np.frombuffer(path.read_bytes(), "<i2").reshape(-1, channels).T / 32767
        assert np.abs(back - made.samples).max() < 1e-4
        return
    back = read_audio(path)
    assert back.sample_rate == 24000 and back.samples.dtype == np.float32
    assert back.tags == TAGS
    assert abs(back.duration - 0.5) < 0.1
    if format in ("wav", "flac"):
        assert np.abs(back.samples - made.samples).max() < 1e-4


def test_the_suffix_names_the_format_unless_told(tmp_path):
    assert clip().save(tmp_path / "x.dat", format="flac").read_bytes().startswith(b"fLaC")
    with pytest.raises(UsageError, match=r"unknown format '\.dat'"):
        clip().save(tmp_path / "x.dat")


def test_only_peaks_above_full_scale_are_scaled():
    loud = Audio(np.array([[0.0, 2.0, -1.0]], np.float32), 24000)
    assert np.allclose(read_audio(encode_audio(loud, "wav")).samples, [[0, 1, -0.5]], atol=1e-4)
    quiet = Audio(np.array([[0.0, 0.5, -0.25]], np.float32), 24000)
    assert np.allclose(read_audio(encode_audio(quiet, "wav")).samples, quiet.samples, atol=1e-4)


@pytest.mark.parametrize("samples", [np.full((1, 10), np.nan), np.zeros((1, 0)), np.zeros(10)])
def test_what_is_no_clip_is_not_written(tmp_path, samples):
    with pytest.raises(MaskaudioError):
        Audio(samples.astype(np.float32), 24000).save(tmp_path / "x.wav")
    assert list(tmp_path.iterdir()) == []


def test_long_vorbis_does_not_overflow():
    long = Audio(np.random.default_rng(0).uniform(-0.3, 0.3, (1, 24000 * 200)).astype(np.float32), 24000)
    assert len(encode_audio(long, "ogg")) > 100000


def test_opus_names_the_rates_it_cannot_hold():
    with pytest.raises(UsageError, match="44100"):
        encode_audio(clip(rate=44100), "opus")


def test_overwrite(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        clip().save(path, overwrite=False)
    assert path.read_bytes() == b"mine"
    clip().save(path)
    assert read_audio(path).duration == 0.5


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(RuntimeError), open_whole(tmp_path / "x") as file:
        file.write(b"half")
        raise RuntimeError
    assert (tmp_path / "x").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_links_and_devices_stay_what_they_are(tmp_path):
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    clip().save(tmp_path / "link.wav")
    assert (tmp_path / "link.wav").is_symlink() and (tmp_path / "real.wav").is_file()
    clip().save(os.devnull, format="wav")
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize("target", ["missing/x.wav", "file/x.wav", "folder.wav"])
def test_places_that_cannot_be_written(tmp_path, target):
    (tmp_path / "file").touch()
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(MaskaudioError) as raised:
        clip().save(tmp_path / target)
    assert "\n" not in str(raised.value)


def test_reading_what_is_not_audio(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_audio(tmp_path / "x.wav")
    with pytest.raises(UsageError, match="cannot be read"):
        read_audio(tmp_path)
    with pytest.raises(MaskaudioError, match="empty"):
        read_audio(b"")
    with pytest.raises(MaskaudioError, match="not readable as audio"):
        read_audio(b"hello there, this is text" * 10)
    with pytest.raises(MaskaudioError, match="holds no sound"):
        read_audio(encode_audio(clip(), "wav")[:44].replace(b"LIST", b"data"))


def test_nan_is_named():
    import io

    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.array([0.0, np.nan]), 24000, format="WAV", subtype="FLOAT")
    with pytest.raises(MaskaudioError, match="NaN"):
        read_audio(out.getvalue())


WHOLE = {format: encode_audio(clip(0.2), format) for format in ("wav", "flac", "ogg", "opus", "mp3")}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_files_are_read_or_refused(format, data):
    whole = bytearray(WHOLE[format])
    for _ in range(data.draw(st.integers(0, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        back = read_audio(bytes(whole[:cut]))
    except MaskaudioError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(back.samples).all()


@pytest.mark.parametrize("rate", [44101, 11127, 22254, 96000])
def test_any_rate_is_resampled(rate):
    wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate, dtype=np.float64).astype(np.float32)
    made = resample(wave, rate, 24000)
    true = np.sin(2 * np.pi * 440 * np.arange(len(made)) / 24000)
    assert abs(len(made) - 24000) <= 1
    assert np.abs(made - true)[500:-500].max() < 2e-2


@pytest.mark.parametrize("rate", [1, 2147483647])
def test_a_rate_that_no_recording_has(rate):
    with pytest.raises(MaskaudioError, match="Hz"):
        resample(np.zeros(1000, np.float32), rate, 24000)
