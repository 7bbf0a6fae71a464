"""A tokeniser and a speech model from a folder of noise with texts, and what their batches hold."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from maskaudio.checkpoints.voices import voice_files
from maskaudio.errors import UsageError
from maskaudio.pipelines.speech_model import load
from maskaudio.text.units import UNITS, units
from maskaudio.training.augment import change_pitch, colour, cut_treble, far_away, move_formants, vary
from maskaudio.training.clips import Clip
from maskaudio.training.heard import transcriber
from maskaudio.training.recipe import Data, SpeechRecipe, TokeniserRecipe, recipe_clips
from maskaudio.training.speech import new_network, train_speech
from maskaudio.training.speech_batches import timed_units
from maskaudio.training.speech_store import Disguise
from maskaudio.training.speech_tokens import train_speech_tokens
from maskaudio.training.spoken import Spoken, frame_classes, spoken
from maskaudio.training.trainer import Schedule
from tests.tiny import TOKENISER, tiny_codec_model, tiny_speech_model, tiny_tokeniser_model

BRIEF = Schedule(steps=4, warmup=1, validate_every=4)
TINY = {"dim": 32, "layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two speakers, a folder each: noise of 2 to 4 seconds and a text beside every clip."""
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for number in range(12):
        own = folder / f"speaker{number % 2}"
        own.mkdir(exist_ok=True)
        wave = 0.1 * rng.standard_normal(24000 * (2 + number % 3))
        soundfile.write(own / f"{number}.wav", wave, 24000)
        (own / f"{number}.txt").write_text("Hello there, good morning.")
    return folder


def test_a_clip_says_what_its_symbols_phonemes_or_text_say():
    def said(captions=(), **fields):
        return spoken(Clip("x", None, captions=captions, fields=fields))

    timed = said(symbols="hˈI.", durations=[2, 1, 3, 4], offset=0.05)
    assert [UNITS[i] for i in timed.units.index] == list("hI.")
    assert np.allclose(timed.edges, [-0.05, 0.0, 0.1, 0.2])
    assert said(phonemes="hˈaɪ.", lang="en-us").units.index.tolist() == timed.units.index.tolist()
    assert said(("Hi.",)).units.phones.tolist() == timed.units.phones.tolist()
    assert np.allclose(timed.faster(2.0).edges, timed.edges / 2)
    with pytest.raises(UsageError):
        said(("...",))


def test_frames_know_their_phones_and_gaps_are_nobodys():
    h, i, _ = units("hI.").phones.tolist() + [0]
    said = Spoken(units("hI a."), np.array([0.0, 0.04, 0.10, 0.14, 0.16, 0.2]))
    classes = frame_classes(said, 12, 50.0).tolist()
    assert classes[:7] == [1 + h, 1 + h, 1 + i, 1 + i, 1 + i, -1, -1]
    assert classes[8:] == [0, 0, 0, 0]  # the full stop, and what comes after the end
    assert frame_classes(Spoken(units("hI"), None), 3, 50.0).tolist() == [-1, -1, -1]


def test_durations_fill_the_clip():
    said = Spoken(units("hI."), np.array([0.1, 0.2, 0.4, 0.5]))
    timed = timed_units(said, 20, 25.0)
    assert np.allclose(timed["durations"], [2.5, 2.5, 5.0, 2.5, 7.5])
    assert [UNITS[i] for i in timed["index"]] == [" ", "h", "I", ".", " "]


def test_other_voices_keep_the_length_and_stay_finite():
    generator = torch.Generator().manual_seed(0)
    mel = torch.randn(4, 100, 30)
    other = vary(mel, 24000, generator)
    assert other.shape == mel.shape and other.isfinite().all()
    tone = np.sin(2 * np.pi * 200 * np.arange(24000) / 24000).astype(np.float32)
    higher = change_pitch(tone, 1.25)
    assert len(higher) == 19200
    peak = np.abs(np.fft.rfft(higher)).argmax() * 24000 / len(higher)
    assert peak == pytest.approx(250, abs=3)
    assert np.abs(np.fft.rfft(move_formants(tone, 1.2))).argmax() == 200, "another throat, the same pitch"
    louder = colour(tone, 24000, np.full(8, 6.0))
    assert np.abs(louder).max() == pytest.approx(10 ** (6 / 20), rel=0.02)
    assert np.square(cut_treble(tone, 24000, 4000)).mean() == pytest.approx(np.square(tone).mean(), rel=1e-3)
    assert np.square(cut_treble(tone, 24000, 50)).mean() < 1e-5 * np.square(tone).mean()
    room = far_away(tone, 24000, np.random.default_rng(0))
    assert len(room) == len(tone) and np.isfinite(room).all() and np.abs(room).max() <= 0.9 + 1e-6


def test_a_disguise_moves_the_formants_and_keeps_pitch_and_loudness():
    """A buzz at 120 Hz through a resonance at 1 kHz: the resonance moves, the buzz does not."""
    rate, n = 24000, 24000
    buzz = np.zeros(n, np.float32)
    buzz[::200] = 1.0
    hertz = np.fft.rfftfreq(n, 1 / rate)
    resonance = np.exp(-(((hertz - 1000) / 150) ** 2))
    voice = np.fft.irfft(np.fft.rfft(buzz) * resonance, n).astype(np.float32)

    def centre(wave):
        power = np.abs(np.fft.rfft(wave)) ** 2
        return (power * hertz).sum() / power.sum()

    moved = move_formants(voice, 1.25)
    assert centre(voice) == pytest.approx(1000, abs=20) and centre(moved) == pytest.approx(1250, abs=120)
    lines = np.abs(np.fft.rfft(moved))
    assert lines[::120].sum() > 5 * np.delete(lines, np.s_[::120]).sum() / 119 * 10

    one, two = Disguise.of("anna", 1), Disguise.of("anna", 2)
    assert one == Disguise.of("anna", 1) and one != Disguise.of("ben", 1)
    assert one.pace < 1 < two.pace
    heard = one.on(0.1 * voice, rate)
    assert len(heard) == pytest.approx(n / one.pace, rel=1e-3)
    assert np.square(heard).mean() == pytest.approx(np.square(0.1 * voice).mean(), rel=1e-3)


def test_recipes_train_on_a_folder_and_go_on_from_a_model(recordings, tmp_path):
    data = Data(valid_share=0.25)
    tokens = train_speech_tokens(
        TokeniserRecipe(BRIEF, TOKENISER, seconds=8.0, data=data), [recordings], tmp_path / "t", device="cpu"
    )
    codec = tiny_codec_model(tmp_path / "codec")
    recipe = SpeechRecipe(
        BRIEF, str(codec), str(tokens), 3, 16, TINY, TINY | {"stages": 2}, frames=400, takes=2, data=data
    )
    first = train_speech(recipe, [recordings], tmp_path / "s", device="cpu")
    again = train_speech(recipe, [recordings], tmp_path / "s2", device="cpu", start=str(first))
    assert (again / "model.safetensors").is_file()
    other = replace(recipe, tokens=str(tiny_tokeniser_model(tmp_path / "other")))
    with pytest.raises(UsageError, match="'tokens' is another"):
        train_speech(other, [recordings], tmp_path / "s3", device="cpu", start=str(first))


def test_more_streams_than_the_codec_has_are_refused(tmp_path):
    from maskaudio.codec.load import load_codec, load_tokeniser

    codec = load_codec(tiny_codec_model(tmp_path / "codec"))
    tokeniser = load_tokeniser(tiny_tokeniser_model(tmp_path / "tokens"))
    with pytest.raises(UsageError, match="has 3"):
        new_network(SpeechRecipe(BRIEF, streams=4), codec, tokeniser)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A tiny speech model with two voices to go on from, and a brief recipe for it."""
    folder = tiny_speech_model(tmp_path_factory.mktemp("model"))
    codec, tokens = str(folder / "codec"), str(folder / "tokens")
    data = Data(valid_share=0.25)
    return folder, SpeechRecipe(BRIEF, codec, tokens, frames=400, takes=1, text_share=0, data=data)


def test_a_model_gone_on_with_keeps_its_first_stage_and_has_the_speakers_voices(
    recordings, started, tmp_path, monkeypatch
):
    monkeypatch.setattr("maskaudio.pipelines.voices.SPEECH_LIKE", 0.0)
    monkeypatch.setattr("maskaudio.pipelines.voices.speech_likeness", lambda *_: 1.0)
    start, recipe = started
    model = train_speech(recipe, [recordings], tmp_path / "run", device="cpu", start=str(start))
    before, after = (load_file(folder / "model.safetensors") for folder in (start, model))
    same = {name.split(".")[0] for name in before if torch.equal(before[name], after[name])}
    other = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"text", "durations", "place", "semantic"} <= same - other
    assert {"acoustic", "voice", "said", "context"} <= other
    assert list(voice_files(model)) == ["ada", "ben", "speaker0", "speaker1"]
    voice = load(model).voice("speaker0")
    assert voice.about["source"].startswith("speaker0/") and len(voice.semantic) > 25


def test_a_share_of_the_weights_gone_on_from_can_be_kept(recordings, started, tmp_path):
    start, recipe = started
    for keep, run in ((0.0, "all"), (0.5, "half")):
        train_speech(replace(recipe, keep=keep), [recordings], tmp_path / run, device="cpu", start=str(start))
    names = [start, tmp_path / "all" / "model", tmp_path / "half" / "model"]
    old, new, half = (load_file(folder / "model.safetensors")["nobody"].float() for folder in names)
    assert not torch.equal(old, new) and torch.allclose(half, (old + new) / 2, atol=1e-3)
    with pytest.raises(UsageError, match="keep"):
        replace(recipe, keep=1.0)


def test_only_a_trained_model_can_keep_its_first_stage(recordings, started, tmp_path):
    with pytest.raises(UsageError, match="--from"):
        train_speech(started[1], [recordings], tmp_path, device="cpu")
    with pytest.raises(UsageError, match="text_share"):
        replace(started[1], text_share=1.0)


def test_clips_without_text_are_heard_once_and_can_be_corrected(tmp_path, monkeypatch):
    heard = []

    class Ear:
        name, rate = "an ear", 16000

        def __init__(self, folder, device):
            assert folder == tmp_path / "ear"

        def hear(self, wave):
            heard.append(len(wave))
            return "Good mourning."

    monkeypatch.setattr("maskaudio.evaluation.recogniser.Whisper", Ear)
    data = tmp_path / "data"
    data.mkdir()
    for name in ("told", "mute"):
        soundfile.write(data / f"{name}.wav", 0.1 * np.ones(24000), 24000)
    (data / "told.txt").write_text("Hello.")

    def texts():
        hear = transcriber(tmp_path / "ear", tmp_path / "run")
        clips, refused = recipe_clips(Data(valid_share=0), [data], spoken=True, hear=hear)
        return {clip.name: clip.captions for clip in clips}, refused

    said = {"told.wav": ("Hello.",), "mute.wav": ("Good mourning.",)}
    assert texts() == (said, []) and texts() == (said, [])
    assert heard == [16000]
    notes = tmp_path / "run" / "heard.jsonl"
    notes.write_text(notes.read_text().replace("mourning", "morning") + '{"clip": ["cut')
    assert texts()[0]["mute.wav"] == ("Good morning.",) and len(heard) == 1
    clips, refused = recipe_clips(Data(), [data], spoken=True)
    assert [clip.name for clip in clips] == ["told.wav"] and refused[0].name == "mute.wav"


def test_the_folder_of_a_recogniser_must_hold_one(tmp_path):
    mute = tmp_path / "mute"
    mute.mkdir()
    soundfile.write(mute / "a.wav", 0.1 * np.ones(24000), 24000)
    with pytest.raises(UsageError, match="no recogniser"):
        recipe_clips(Data(), [mute], spoken=True, hear=transcriber(tmp_path, tmp_path / "run"))
