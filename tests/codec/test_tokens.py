"""Token files: what is written is what is read, and nothing else is."""

import json
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from maskaudio.codec.tokens import TokenFile
from maskaudio.errors import MaskaudioError, UsageError


def tokens(codes=None, **changes):
    codes = torch.randint(0, 1000, (1, 6, 50)) if codes is None else codes
    fields = {"codec_name": "codec", "codec_hash": "0123456789ab", "sample_rate": 24000, "samples": 47000}
    return TokenFile(codes, **(fields | changes))


def codec(**changes):
    fields = {"name": "codec", "hash": "0123456789ab", "sample_rate": 24000, "streams": 6, "vocab": 1000}
    return SimpleNamespace(**(fields | changes))


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 60)),
    seed=st.integers(0, 2**31),
    name=st.text(min_size=1, max_size=20),
)
def test_round_trip(tmp_path_factory, shape, seed, name):
    path = tmp_path_factory.mktemp("tokens") / "clip.safetensors"
    codes = torch.randint(0, 2**16, shape, generator=torch.Generator().manual_seed(seed))
    tokens(codes, codec_name=name).save(path)
    back = TokenFile.load(path)
    assert torch.equal(back.codes, codes) and back.codes.dtype == torch.int64
    assert (back.codec_name, back.codec_hash, back.sample_rate, back.samples) == (
        name,
        "0123456789ab",
        24000,
        47000,
    )


def test_two_bytes_a_token(tmp_path):
    path = tmp_path / "clip.safetensors"
    tokens().save(path)
    assert 0 < path.stat().st_size - 2 * 6 * 50 < 400


def test_another_codec_is_refused_by_name():
    tokens().check(codec())
    for other in (codec(name="new", hash="ba9876543210"), codec(name="new", sample_rate=48000)):
        with pytest.raises(MaskaudioError, match=r"made by codec 'codec' \(0123456789ab\); 'new'"):
            tokens().check(other)


def test_a_grid_the_codec_has_no_room_for_is_refused():
    with pytest.raises(MaskaudioError, match="6 streams"):
        tokens().check(codec(streams=4))
    with pytest.raises(MaskaudioError, match="up to 1023"):
        tokens(torch.full((1, 6, 9), 1023)).check(codec())


def test_mask_tokens_are_not_written(tmp_path):
    with pytest.raises(MaskaudioError, match="tokens 0 to 65535"):
        tokens(torch.full((1, 6, 9), -1)).save(tmp_path / "clip.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_cut_file_is_refused_wherever_it_was_cut(tmp_path):
    path, cut = tmp_path / "clip.safetensors", tmp_path / "cut.safetensors"
    tokens().save(path)
    data = path.read_bytes()
    for length in (0, 1, 7, 8, 60, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(MaskaudioError, match="not a token file, or cut short"):
            TokenFile.load(cut)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 1000), value=st.integers(0, 255))
def test_a_damaged_byte_gives_tokens_or_one_line(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("tokens") / "clip.safetensors"
    tokens(torch.zeros(1, 6, 50, dtype=torch.int64)).save(path)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data)
    try:
        assert TokenFile.load(path).codes.min() >= 0
    except MaskaudioError as error:
        assert "\n" not in str(error) and "clip.safetensors" in str(error)


GOOD = {
    "kind": "maskaudio tokens",
    "version": "1",
    "codec": "codec",
    "codec_hash": "0123456789ab",
    "sample_rate": "24000",
    "samples": "10",
}


@pytest.mark.parametrize(
    ("tensors", "about", "complaint"),
    [
        ({"weight": torch.zeros(3)}, None, "not one of tokens"),
        ({"codes": torch.zeros(1, 2, 3)}, GOOD, "no grid of tokens"),
        ({"codes": torch.zeros(2, 3, dtype=torch.uint16)}, GOOD, "no grid of tokens"),
        ({"codes": torch.zeros(1, 2, 3, dtype=torch.uint16)}, GOOD | {"version": "9"}, "version 9"),
        ({"codes": torch.zeros(1, 2, 3, dtype=torch.uint16)}, GOOD | {"samples": "-4"}, "no grid of tokens"),
        ({"codes": torch.zeros(1, 2, 3, dtype=torch.uint16)}, GOOD | {"samples": "x"}, "length is missing"),
        (
            {"codes": torch.zeros(1, 2, 3, dtype=torch.uint16)},
            {k: v for k, v in GOOD.items() if k != "codec"},
            "codec or length is missing",
        ),
    ],
)
def test_foreign_files_are_named_as_such(tmp_path, tensors, about, complaint):
    path = tmp_path / "clip.safetensors"
    save_file(tensors, path, metadata=about)
    with pytest.raises(MaskaudioError, match=complaint):
        TokenFile.load(path)


def test_no_file_a_folder_and_something_else(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        TokenFile.load(tmp_path / "none.safetensors")
    with pytest.raises(MaskaudioError):
        TokenFile.load(tmp_path)
    (tmp_path / "clip.json").write_text(json.dumps({"codes": [1, 2]}))
    with pytest.raises(MaskaudioError, match="not a token file"):
        TokenFile.load(tmp_path / "clip.json")
