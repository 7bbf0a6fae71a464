"""Stored tokens: takes are late and scaled, the first streams are a prefix, a file is used again."""

import numpy as np
import pytest
import torch

from maskaudio.training.clips import Clip
from maskaudio.training.store import AudioStore
from maskaudio.training.tokens import store_tokens

FRAME = 100


class Peaks:
    """A codec whose stream 0 says where in its frame the loudest sample is, and stream 1 how loud it is."""

    hash, sample_rate, frame_rate = "peaks", 2500, 25.0

    def encode(self, wave):
        frames = torch.nn.functional.pad(wave[0, 0], (0, -wave.shape[-1] % FRAME)).unflatten(0, (-1, FRAME))
        loud, at = frames.abs().max(1)
        return torch.stack([at, (loud * 1000).round().long()], 1).T[None]  # not contiguous, as ours


def store():
    wave = np.zeros(10 * FRAME, np.int16)
    wave[::FRAME] = 16384
    clips = [Clip(name, None, captions=(name,)) for name in "ab"]
    return AudioStore(clips, np.concatenate([wave, wave]), np.array([0, len(wave), 2 * len(wave)]), 2500)


@pytest.fixture
def tokens(tmp_path):
    return store_tokens(store(), Peaks(), tmp_path / "t.safetensors", mixes=1, takes=3)


def test_the_first_take_is_the_clip_itself_and_others_are_late_and_scaled(tokens):
    assert [c.name[0] for c in tokens.clips] == [c.name[0] for c in tokens.clips[:3]] * 3
    assert (tokens.codes(0)[0] == 0).all() and (tokens.codes(0)[1] == 500).all()
    later = [tokens.codes(3), tokens.codes(6)]
    for codes in later:
        late, level = codes[:, 0]
        assert 1 <= late < FRAME and (codes[0, :10] == late).all()
        assert 500 * 10 ** (-2 / 20) - 1 <= level <= 500 * 10 ** (2 / 20) + 1
    assert not np.array_equal(*later)


def test_a_prefix_of_the_streams(tokens):
    one = tokens.first(1)
    assert one.grid.shape[0] == one.silence.shape[0] == 1 and one.clips == tokens.clips
    assert np.array_equal(one.codes(2)[0], tokens.codes(2)[0])


def test_a_file_is_used_again_only_for_the_same_takes(tokens, tmp_path):
    class Refuses(Peaks):
        def encode(self, wave):
            raise AssertionError("nothing should be encoded again")

    path = tmp_path / "t.safetensors"
    again = store_tokens(store(), Refuses(), path, mixes=1, takes=3)
    assert np.array_equal(again.grid, tokens.grid)
    with pytest.raises(AssertionError, match="encoded again"):
        store_tokens(store(), Refuses(), path, mixes=1, takes=1)


def test_what_a_kill_interrupts_goes_on_where_it_was(tokens, tmp_path, monkeypatch):
    class Dies(Peaks):
        encoded = 0

        def encode(self, wave):
            Dies.encoded += 1
            if Dies.encoded == 7:  # one of them is the silence
                raise KeyboardInterrupt
            return super().encode(wave)

    monkeypatch.setattr("maskaudio.training.tokens.SAVE_EVERY", -1.0)
    path = tmp_path / "again.safetensors"
    with pytest.raises(KeyboardInterrupt):
        store_tokens(store(), Dies(), path, mixes=1, takes=3)
    Dies.encoded = 10
    again = store_tokens(store(), Dies(), path, mixes=1, takes=3)
    assert Dies.encoded == 10 + 1 + 9 - 5
    assert np.array_equal(again.grid, tokens.grid) and np.array_equal(again.offsets, tokens.offsets)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.safetensors", "t.safetensors"]
