"""The library's speak: sentences, pauses, lengths, voices, and what is refused."""

import numpy as np
import pytest
import torch

import maskaudio
from maskaudio.audio import Audio
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.loudness import loudness
from maskaudio.pipelines import speech
from maskaudio.pipelines.speech_model import load, side_by_side, voice_tokens
from maskaudio.pipelines.voices import Voice, trim, voice_from_clip
from tests.tiny import tiny_speech_model

RATE = 24000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_speech_model(tmp_path_factory.mktemp("models") / "speech")


def say(model, text="Hello there.", **settings):
    return maskaudio.speak(text, **({"model": model, "seed": 1} | settings))


def test_the_same_seed_says_the_same_and_another_does_not(model):
    first, second, other = say(model), say(model), say(model, seed=2)
    assert np.array_equal(first.samples, second.samples)
    assert not np.array_equal(first.samples, other.samples)
    assert first.tags["voice"] == "ada" and first.tags["seed"] == "1"


def test_text_and_voice_are_heard(model):
    assert not np.array_equal(say(model).samples, say(model, voice="ben").samples)
    hello, other = (say(model, text, duration=1.0, temperature=5.0) for text in ("Hello.", "Shoes."))
    assert not np.array_equal(hello.samples, other.samples)


def test_pauses_are_as_long_as_asked_for(model):
    whole = say(model, "Hello. [pause 1500ms] Goodbye.")
    parts = list(speech.utterances("Hello. [pause 1500ms] Goodbye.", model=model, seed=1))
    assert [u.sentence.pause for u in parts] == [1.5, 0.0]
    spoken = sum(u.audio.samples.shape[1] for u in parts)
    assert whole.samples.shape[1] == spoken + 1.5 * RATE


def test_duration_is_kept(model):
    text = "Hello there, my friend. How are you?"
    natural = say(model, text).duration
    for seconds in (0.8 * natural, 1.5 * natural):
        assert say(model, text, duration=seconds).duration == pytest.approx(seconds, abs=0.06)


def test_twice_the_speed_is_half_the_time(model):
    slow, fast = (say(model, "Hello there, my friend.", speed=s).duration for s in (1.0, 2.0))
    assert fast == pytest.approx(slow / 2, abs=0.05)


def test_steps_in_all_and_stage_by_stage(model):
    seen = []
    say(model, steps=[3, 2, 1], observer=seen.append)
    assert len(seen) == 3  # the observer sees the acoustic stages
    same = say(model, steps=9).samples
    assert np.array_equal(say(model, steps=[3, 6, 1]).samples, same)
    with pytest.raises(UsageError, match="steps 3,2: give one number, or 3"):
        say(model, steps=[3, 2])


def test_pauses_keep_pace_but_for_those_that_are_asked_for(model):
    text = "Hello.\n\nAnd? [pause 900ms] Goodbye."
    usual, fast = ([u.sentence.pause for u in speech.utterances(text, model=model, speed=s)] for s in (1, 2))
    assert usual == [0.7, 0.9, 0.0] and fast == [0.35, 0.9, 0.0]
    within = say(model, text, duration=4.0)
    assert within.duration == pytest.approx(4.0, abs=0.06)


def test_candidates_are_ranked(model):
    assert say(model, candidates=3).samples.shape[1] > 0


def test_sentences_are_equally_loud(model):
    parts = list(speech.utterances("Hello there, my friend. How are you today?", model=model, seed=1))
    levels = [loudness(u.audio.samples[0], RATE) for u in parts]
    peaks = [np.abs(u.audio.samples).max() for u in parts]
    for level, peak in zip(levels, peaks, strict=True):
        assert level == pytest.approx(-23.0, abs=0.5) or peak == pytest.approx(0.95, abs=0.01)


def test_words_come_in_order_within_the_sentence(model):
    (utterance,) = speech.utterances("Hello there, my good friend.", model=model, seed=1)
    assert [w for w, _, _ in utterance.words] == ["Hello", "there,", "my", "good", "friend."]
    times = [t for _, start, end in utterance.words for t in (start, end)]
    assert times == sorted(times) and times[-1] <= utterance.audio.duration + 0.04


def test_words_said_as_one_share_its_time_and_numbers_are_not_taken_apart(model):
    (utterance,) = speech.utterances("She sat in the garden.", model=model, seed=1)
    assert [w for w, _, _ in utterance.words] == ["She", "sat", "in", "the", "garden."]
    assert utterance.words[2][2] == utterance.words[3][1]
    (utterance,) = speech.utterances("In the 42nd year.", model=model, seed=1)
    assert [w for w, _, _ in utterance.words] == ["In the 42nd year."]


def test_the_prompt_stays_as_it_is_and_is_not_said_again(model):
    speaker = load(str(model))
    voice = speaker.voice("ada")
    semantic = torch.zeros(1, 20, dtype=torch.long)
    seen = []
    codes = voice_tokens(speaker, semantic, voice, speaker.acoustic, [1], observer=seen.append)
    assert codes.shape == (1, 3, 20)
    assert seen[0].known[:, :, :-20].all() and not seen[0].known[:, 1:, -20:].any()


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"text": ""}, "nothing to say"),
        ({"text": "🙂"}, "nothing to say"),
        ({"language": "tlh"}, "tlh"),
        ({"voice_language": "tlh"}, "tlh"),
        ({"voice": "nobody"}, "unknown voice 'nobody'"),
        ({"speed": 0.0}, "speed 0"),
        ({"speed": float("nan")}, "speed nan"),
        ({"duration": -1.0}, "duration -1"),
        ({"text": "a [pause 9s] b", "duration": 2.0}, "takes 9"),
        ({"candidates": 0}, "candidates 0"),
        ({"steps": 1}, "steps 1"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_what_makes_no_sense_is_refused(model, settings, says):
    with pytest.raises(UsageError, match=says):
        say(model, **({"text": "Hello."} | settings))


def clip(wave, rate=RATE):
    return Audio(np.atleast_2d(np.asarray(wave, np.float32)), rate)


@pytest.mark.parametrize(
    "wave, says",
    [
        (np.zeros(5 * RATE), "silent"),
        (0.1 * np.random.default_rng(0).standard_normal(RATE), "needs 2 s"),
        (0.1 * np.random.default_rng(0).standard_normal(40 * RATE), "give 2 to 30 s"),
        (np.sign(np.sin(np.arange(5 * RATE) / 20)), "clipped"),
    ],
)
def test_clips_that_are_no_voice_are_refused_with_a_reason(model, wave, says):
    speaker = load(str(model))
    with pytest.raises(UsageError, match=says):
        voice_from_clip(clip(wave), "x.wav", speaker.codec, speaker.tokeniser)


def test_voices_survive_a_file_and_foreign_ones_are_refused(model, tmp_path):
    speaker = load(str(model))
    voice = speaker.voice("ben")
    voice.save(tmp_path / "b.safetensors")
    again = speaker.voice(tmp_path / "b.safetensors")
    assert torch.equal(voice.acoustic, again.acoustic) and again.about["description"] == "random"
    Voice("x", voice.acoustic, voice.semantic, "0" * 12, voice.tokens_hash).save(tmp_path / "x.safetensors")
    with pytest.raises(MaskaudioError, match="for another model"):
        speaker.voice(tmp_path / "x.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "b.safetensors").read_bytes()[:50])
    with pytest.raises(MaskaudioError, match="not a voice file"):
        speaker.voice(tmp_path / "cut.safetensors")


def test_trimming_keeps_a_margin():
    wave = np.concatenate([np.zeros(RATE), 0.5 * np.ones(RATE), np.zeros(RATE)])
    assert len(trim(wave, RATE)) == pytest.approx(1.2 * RATE, abs=0.03 * RATE)


def test_side_by_side_is_as_alone(model):
    """Codes of padded items are those of single ones (rounding may flip a few in a thousand)."""
    speaker = load(model)
    voices = [speaker.voice(name) for name in ("ada", "ben", "ada")]
    tokens = [torch.randint(0, 16, (1, n), generator=torch.Generator().manual_seed(n)) for n in (17, 40, 29)]
    batch, lengths = side_by_side(tokens)
    together = voice_tokens(speaker, batch, voices, speaker.acoustic, [1, 2, 3], lengths=lengths)
    same = []
    for i, (row, n) in enumerate(zip(tokens, lengths, strict=True)):
        alone = voice_tokens(speaker, row, voices[i], speaker.acoustic, [i + 1])
        same.append((together[i, :, :n] == alone[0]).float().mean())
    assert torch.stack(same).mean() >= 0.995


def test_a_list_of_texts_is_what_each_would_be(model):
    texts, voices = (
        ["Hello there. How are you?", "Go.", "[pause 200ms] Good morning, my friend."],
        ["ada", "ben", "ada"],
    )
    together = maskaudio.speak(texts, voice=voices, seed=[1, 2, 3], model=model)
    for text, voice, seed, audio in zip(texts, voices, (1, 2, 3), together, strict=True):
        alone = maskaudio.speak(text, voice=voice, seed=seed, model=model)
        assert audio.tags == alone.tags and audio.samples.shape == alone.samples.shape
        assert np.corrcoef(audio.samples[0], alone.samples[0])[0, 1] > 0.9
    with pytest.raises(UsageError, match="2 voices for 3"):
        maskaudio.speak(texts, voice=["ada", "ben"], model=model)
