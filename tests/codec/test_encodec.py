"""The EnCodec adapter against the published implementation, on random weights."""

import warnings

import pytest
import torch

from maskaudio.checkpoints.folder import read_weights
from maskaudio.codec.encodec import STRIDE, Encodec, EncodecConfig, convert, load_encodec, overlap_add
from maskaudio.codec.load import codec_hash, load_codec
from maskaudio.codec.protocol import Codec
from maskaudio.compat import load_torchaudio
from maskaudio.errors import MaskaudioError, UsageError

RATES = (24000, 48000)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The networks are many small layers: on a busy machine more threads mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=RATES)
def published(request):
    """`encodec`'s own model with random weights and codebooks, at 6 kbit/s."""
    load_torchaudio()
    from encodec import EncodecModel

    torch.manual_seed(0)
    make = {24000: EncodecModel.encodec_model_24khz, 48000: EncodecModel.encodec_model_48khz}[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # encodec's way of normalising weights
        model = make(pretrained=False).requires_grad_(False)
    for layer in model.quantizer.vq.layers:
        layer.codebook.normal_()  # as made, they are all zero
    model.set_target_bandwidth(6.0)
    return model


@pytest.fixture(scope="module")
def home(published, tmp_path_factory):
    """A MASKAUDIO_HOME with the published weights, converted."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "models" / f"encodec-{published.sample_rate // 1000}khz"
    convert(published.state_dict(), published.sample_rate, folder)
    return home


@pytest.fixture
def codec(published, home, monkeypatch):
    monkeypatch.setenv("MASKAUDIO_HOME", str(home))
    load_codec.cache_clear()
    yield load_codec(f"encodec-{published.sample_rate // 1000}khz")
    load_codec.cache_clear()


def test_tokens_and_wave_are_those_of_the_original(published, codec):
    generator = torch.Generator().manual_seed(1)
    samples = 50000 if published.channels == 2 else 8000  # two segments of the 48 kHz model
    wave = torch.randn(2, published.channels, samples, generator=generator)
    wave *= torch.tensor([0.1, 0.02])[:, None, None]
    frames = published.encode(wave)
    codes = codec.encode(wave)
    theirs = torch.cat([tokens for tokens, _ in frames], dim=-1)
    assert torch.equal(codes[:, -theirs.shape[1] :], theirs)

    back = codec.decode(codes)
    original = published.decode(frames)
    assert back.shape == original.shape
    tolerance = 1.2e-2 if codec.stereo else 1e-6  # half a level step of 0.1 dB is 0.6 %
    assert (back - original).abs().max() <= tolerance * original.abs().max()


def test_it_is_a_codec(codec):
    assert isinstance(codec, Codec)
    assert len(codec.hash) == 12 and codec.hash == codec_hash(codec)
    assert (codec.streams, codec.vocab) == ((5, 1024) if codec.stereo else (8, 1024))


def test_a_wave_of_any_length_comes_back_in_full(codec):
    for samples in (1, 47521, 48100) if codec.stereo else (1, 319, 3300):
        codes = codec.encode(torch.randn(1, 1, samples) * 0.1)
        assert codes.dtype == torch.int64 and codes.shape[1] == codec.streams
        back = codec.decode(codes)
        assert back.shape[:2] == (1, 2 if codec.stereo else 1)
        assert samples <= back.shape[2] < samples + 320
        assert abs(codes.shape[2] - samples / codec.sample_rate * codec.frame_rate) < 3
        assert back.isfinite().all()


def test_any_prefix_of_the_streams_decodes(codec):
    codes = codec.encode(torch.randn(1, 1, 1600) * 0.1)
    whole = codec.decode(codes)
    for streams in range(1, codec.streams):
        assert codec.decode(codes[:, :streams]).shape == whole.shape


def test_the_name_tells_the_bandwidth(codec, home):
    rate = codec.sample_rate
    narrow = load_codec(f"{codec.name}-3")
    assert narrow.name == f"encodec-{rate // 1000}khz-3"
    assert narrow.streams == (3 if codec.stereo else 4)
    assert narrow.hash == codec.hash  # its tokens are the first streams of the other's
    wave = torch.randn(1, 1, 1600) * 0.1
    assert torch.equal(narrow.encode(wave), codec.encode(wave)[:, : narrow.streams])
    with pytest.raises(UsageError, match=r"no 7 kbit/s \(it has"):
        load_codec(f"{codec.name}-7")


def test_loudness_survives_the_48_khz_codec():
    codec = Encodec(EncodecConfig(48000))
    wave = torch.randn(1, 1, 4800) * 0.1
    levels = [codec.encode(wave * 10 ** (gain / 20))[0, 0, 0].item() for gain in (0, -20, -40)]
    assert levels == [levels[0], levels[0] - 200, levels[0] - 400]  # steps of 0.1 dB
    assert levels[0] == pytest.approx((20 * torch.tensor(0.1).log10() + 100).item() * 10, abs=2)


def test_overlapping_segments_of_a_whole_give_the_whole():
    wave = torch.randn(1, 2, 2 * STRIDE + 900)
    parts = [wave[..., s : s + 48000] for s in (0, STRIDE, 2 * STRIDE)]
    assert torch.allclose(overlap_add(parts), wave, atol=1e-6)


def test_weights_are_kept_in_full_precision(published, codec, home):
    stored = read_weights(home / "models" / codec.name)
    books = torch.stack([layer.codebook for layer in published.quantizer.vq.layers])
    assert torch.equal(stored["quantiser.codebooks"], books)


def test_offline_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKAUDIO_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MaskaudioError, match="encodec-24khz is not on this machine yet"):
        load_encodec(24000)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKAUDIO_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def refuse(*args, **kwargs):
        raise OSError("<urlopen error [Errno -2] Name or service not known>")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(MaskaudioError, match="could not be fetched") as caught:
        load_encodec(24000)
    assert "\n" not in str(caught.value)


def test_foreign_weights_are_refused(tmp_path):
    with pytest.raises(MaskaudioError, match="not the weights of encodec-24khz"):
        convert({"weight": torch.zeros(3)}, 24000, tmp_path / "model")
    assert not (tmp_path / "model").exists()
