"""Windows that go on from each other, joins, and loops that close."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import maskaudio
from maskaudio.errors import UsageError
from maskaudio.pipelines import text_to_audio
from maskaudio.pipelines.long_form import OVERLAP, WINDOW, close_loop, join, windows
from tests.tiny import tiny_sound_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sound_model(tmp_path_factory.mktemp("models") / "sound")


@dataclass
class Stairs:
    """A codec whose frames are constants: code c sounds as c / 1000."""

    frame_rate: float = 25.0
    sample_rate: int = 1000
    asked: list = field(default_factory=list)

    def decode(self, codes):
        return (codes[:, :1].float() / 1000).repeat_interleave(40, dim=2)

    def count_on(self, grid, number):
        """Fills a grid with frame numbers, going on from what is known."""
        self.asked.append((grid.codes.shape[2], int(grid.known[0, 0].sum())))
        start = int(grid.codes[0, 0, 0]) if grid.known.any() else 0
        return (start + torch.arange(grid.codes.shape[2])).expand(1, 2, -1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4000))
def test_windows_go_on_from_each_other(frames):
    codec = Stairs()
    wave = np.concatenate(list(windows(codec, codec.count_on, 2, frames)), axis=1)
    assert wave.shape == (1, frames * 40)
    assert np.allclose(wave[0], np.arange(frames).repeat(40) / 1000, atol=1e-4)
    assert max(size for size, _ in codec.asked) <= WINDOW * 25
    assert [known for _, known in codec.asked[1:]] == [OVERLAP * 25] * (len(codec.asked) - 1)


def test_no_piece_grows_with_the_length():
    def longest(frames):
        codec = Stairs()
        return max(piece.shape[1] for piece in windows(codec, codec.count_on, 2, frames))

    assert longest(30000) == longest(3000) <= WINDOW * 1000


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_a_join_keeps_the_power(alike):
    rng = np.random.default_rng(0)
    old, other = rng.standard_normal((2, 1, 20000)).astype(np.float32)
    new = alike * old + np.sqrt(1 - alike**2) * other
    made = join(old, new)
    assert np.square(made[:, 5000:15000]).mean() == pytest.approx(1.0, abs=0.06)
    assert np.allclose(made[:, 0], old[:, 0], atol=1e-2) and np.allclose(made[:, -1], new[:, -1], atol=1e-2)
    assert not join(np.zeros((1, 8), np.float32), np.zeros((1, 8), np.float32)).any()


def test_a_loop_is_filled_around_its_seam_and_known_elsewhere():
    seen = {}

    def fill(grid, number):
        seen["grid"] = grid
        return torch.where(grid.known, grid.codes, 7)

    codes = torch.arange(100, 200).expand(1, 2, 100)
    wave = close_loop(Stairs(), fill, codes)
    known = seen["grid"].known[0, 0]
    assert wave.shape == (1, 4000)
    assert (~known).nonzero()[:, 0].tolist() == list(range(35, 65)), "the seam lies in the middle"
    kept = wave[0, 15 * 40 : 85 * 40]
    assert np.allclose(kept, np.arange(115, 185).repeat(40) / 1000, atol=1e-6)
    assert np.allclose(wave[0, : 15 * 40], 0.007) and np.allclose(wave[0, 85 * 40 :], 0.007, atol=1e-4)


def test_a_long_clip_comes_in_pieces_that_are_the_whole(model):
    told = {"duration": 61.3, "seed": 3, "model": model, "steps": 4}
    pieces = list(text_to_audio.stream("rain", **told))
    whole = maskaudio.generate("rain", **told)
    assert len(pieces) > 3 and whole.samples.shape == (1, round(61.3 * 24000))
    assert np.array_equal(np.concatenate([p.samples for p in pieces], 1), whole.samples)
    assert whole.tags["seed"] == "3"


def test_a_loop_is_of_whole_frames_and_its_ends_meet(model):
    made = maskaudio.generate("rain", duration=2.03, seed=3, model=model, loop=True)
    frame = 24000 // 25
    assert made.samples.shape[1] % frame == 0 and made.samples.shape[1] >= 2.03 * 24000
    steps = np.abs(np.diff(made.samples[0]))
    assert abs(made.samples[0, 0] - made.samples[0, -1]) <= steps.max()


@pytest.mark.parametrize("duration, loop", [(0.2, True), (31.0, True), (3601.0, False)])
def test_lengths_out_of_reach_are_refused(model, duration, loop):
    with pytest.raises(UsageError, match="duration"):
        maskaudio.generate("rain", duration=duration, loop=loop, model=model)
