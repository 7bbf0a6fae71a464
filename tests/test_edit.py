"""Edits on a tiny model: what may change, what may not, and what makes no sense."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskaudio import edit
from maskaudio.audio import Audio, read_audio
from maskaudio.errors import UsageError
from tests.tiny import tiny_sound_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sound_model(tmp_path_factory.mktemp("models") / "sound")


def clip(seconds=1.0, rate=24000, channels=1):
    noise = np.random.default_rng(0).standard_normal((channels, round(seconds * rate)))
    return Audio((0.1 * noise).astype(np.float32), rate)


@given(
    rate=st.sampled_from([8000, 24000, 44100]),
    channels=st.integers(1, 2),
    span=st.tuples(st.floats(0, 0.9), st.floats(0.001, 0.5)),
)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_outside_the_span_the_samples_are_the_inputs_own(model, rate, channels, span):
    start, end = span[0], min(1.0, sum(span))
    before = clip(rate=rate, channels=channels)
    after = edit.inpaint(before, start, end, seed=1, model=model)
    assert after.samples.shape == before.samples.shape and after.sample_rate == rate
    first, last = round(start * rate), round(end * rate)
    outside = np.r_[0:first, last:rate]
    assert np.array_equal(after.samples[:, outside], before.samples[:, outside])
    if last - first > 100:
        assert not np.allclose(after.samples[:, first:last], before.samples[:, first:last], atol=1e-3)


def test_the_level_is_that_of_the_channel_around(model):
    before = clip(3.0, channels=2)
    before.samples[1] *= 0.1
    after = edit.inpaint(before, 1.0, 2.0, seed=1, model=model).samples[:, 26000:46000]
    left, right = np.sqrt(np.square(after).mean(1))
    assert left / right == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("at", ["end", "start"])
def test_a_longer_clip_holds_the_whole_input(model, at):
    before = clip(1.0, rate=44100, channels=2)
    after = edit.extend(before, 0.7, at=at, seed=1, model=model).samples
    assert after.shape == (2, round(1.7 * 44100))
    kept = after[:, :44100] if at == "end" else after[:, -44100:]
    assert np.array_equal(kept, before.samples)
    added = after[:, 44100:] if at == "end" else after[:, :-44100]
    assert np.abs(added).max() > 1e-3


def test_a_long_extension_is_made_piece_by_piece(model):
    after = edit.extend(clip(0.5), 23.0, seed=1, model=model)
    assert after.duration == pytest.approx(23.5) and np.isfinite(after.samples).all()


def test_variations(model):
    before = clip(1.0, rate=16000)
    assert np.array_equal(edit.variation(before, 0.0, model=model).samples, before.samples)
    half, other = (edit.variation(before, 0.5, seed=s, model=model).samples for s in (1, 2))
    assert half.shape == before.samples.shape and not np.allclose(half, other)
    assert np.square(half).mean() == pytest.approx(np.square(before.samples).mean(), rel=0.2)


def test_seeds_prompts_and_tags(model):
    before = clip()
    one, again, other = (edit.inpaint(before, 0.2, 0.8, seed=s, model=model).samples for s in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    asked = edit.inpaint(before, 0.2, 0.8, prompt="a dog", seed=1, model=model)
    assert not np.array_equal(asked.samples, one)
    assert asked.tags["edited"] == "0.2-0.8" and asked.tags["generated"] == "yes"


@pytest.mark.parametrize(
    "job, says",
    [
        (lambda m: edit.inpaint(clip(), 0.5, 1.5, model=m), "to 1.5"),
        (lambda m: edit.inpaint(clip(), 0.5, 0.5, model=m), "nothing in between"),
        (lambda m: edit.inpaint(clip(), 0.8, 0.2, model=m), "nothing in between"),
        (lambda m: edit.inpaint(clip(), float("nan"), 0.2, model=m), "from nan"),
        (lambda m: edit.inpaint(clip(30.0), 1.0, 28.0, model=m), "at most 20 s"),
        (lambda m: edit.extend(clip(), 0.0, model=m), "above 0"),
        (lambda m: edit.extend(clip(), 1.0, at="middle", model=m), "at 'middle'"),
        (lambda m: edit.variation(clip(), 2.0, model=m), "strength 2"),
        (lambda m: edit.inpaint(clip(), 0.1, 0.2, prompt=" ", model=m), "prompt is empty"),
        (lambda m: edit.inpaint(clip(), 0.1, 0.2, negative="rain", model=m), "needs a prompt"),
    ],
)
def test_what_makes_no_sense_is_refused(model, job, says):
    with pytest.raises(UsageError, match=says):
        job(model)


@pytest.mark.parametrize("subtype, bits", [("PCM_16", 16), ("PCM_24", 24), ("FLOAT", 32)])
def test_what_was_read_is_written_as_it_was(tmp_path, subtype, bits):
    import soundfile

    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "a.wav", rng.uniform(-1, 1, (5000, 2)), 44100, subtype=subtype)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.bits == bits
    audio.save(tmp_path / "b.wav")
    same = [soundfile.read(tmp_path / name, dtype="float64")[0] for name in ("a.wav", "b.wav")]
    assert np.array_equal(*same)


def test_the_pieces_of_a_long_extension_have_chances_of_their_own(model, monkeypatch):
    from maskaudio.pipelines.filling import Filling

    seeds, again = [], Filling.again

    def heard(self, wave, rate, hidden, prompt, seed):
        seeds.append(seed)
        return again(self, wave, rate, hidden, prompt, seed)

    monkeypatch.setattr(Filling, "again", heard)
    longer = edit.extend(clip(1.0), 12.0, seed=5, model=model)
    assert longer.duration == pytest.approx(13.0) and seeds[0] == 5 and len(set(seeds)) == len(seeds) == 2


def test_what_would_be_ignored_is_refused(model):
    with pytest.raises(UsageError, match="candidates need a prompt"):
        edit.inpaint(clip(), 0.2, 0.5, model=model, candidates=4)
    for others in ({"sampler": "entropy"}, {"sampler": "first-hitting"}):
        with pytest.raises(UsageError, match="rescore"):
            edit.inpaint(clip(), 0.2, 0.5, prompt="rain", model=model, rescore=model, **others)
    told = edit.inpaint(clip(), 0.2, 0.5, prompt="rain", model=model, candidates=2, seed=1)
    assert told.samples.shape == (1, 24000)
