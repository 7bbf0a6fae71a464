"""maskaudio speak and voices, as a person calls them."""

import json

import numpy as np
import pytest
import soundfile

from maskaudio.audio import read_audio
from maskaudio.encoding import FORMATS


@pytest.fixture(scope="session")
def speech(tmp_path_factory):
    from tests.tiny import tiny_speech_model

    return tiny_speech_model(tmp_path_factory.mktemp("tiny") / "speech")


def test_says_what_it_wrote_and_never_overwrites(run, speech):
    for name in ("hello_there_7.wav", "hello_there_7_2.wav"):
        done = run("speak", "Hello there.", "--seed", 7, "-m", speech)
        assert done.returncode == 0, done.stderr.decode()
        line = done.stderr.decode().splitlines()[-1]
        assert name in line and "voice ada" in line and "seed 7" in line and done.stdout == b""
    first, second = (p.read_bytes() for p in run.work.iterdir())
    assert first == second


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(run, speech, format):
    done = run("speak", "Hello.", "-o", f"x.{format}", "--seed", 1, "-q", "-m", speech)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    if format != "raw":
        clip = read_audio(run.work / f"x.{format}")
        assert clip.duration >= 0.2 and clip.tags["voice"] == "ada"


def test_stdin_to_stdout_comes_as_a_wav_that_can_be_read(run, speech):
    done = run("speak", "-", "-o", "-", "-m", speech, "--seed", 1, input=b"Hello.\n\nGoodbye.\n")
    assert done.returncode == 0, done.stderr.decode()
    whole = run("speak", "Hello.\n\nGoodbye.\n", "-o", "x.wav", "-m", speech, "--seed", 1)
    assert whole.returncode == 0
    piped, filed = read_audio(done.stdout), read_audio(run.work / "x.wav")
    assert np.abs(piped.samples - filed.samples).max() < 1e-4
    assert piped.tags == filed.tags and piped.tags["generated"] == "yes"


@pytest.mark.parametrize("format", ["wav", "opus"])
def test_a_full_disk_is_one_line(run, speech, format):
    done = run("speak", "Hello.", "-o", "/dev/full", "-f", format, "-q", "-m", speech)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1 and b"No space left" in done.stderr


def test_opus_through_a_pipe_is_whole(run, speech):
    done = run("speak", "Hello.", "-o", "-", "-f", "opus", "-q", "-m", speech)
    assert done.returncode == 0 and read_audio(done.stdout).duration > 0.2


def test_a_file_with_subtitles_and_json(run, speech):
    (run.work / "book.txt").write_text("Hello there.\n\nHow are you, my friend?")
    arguments = ("--file", "book.txt", "-o", "x.flac", "--json", "-m", speech, "--seed", 3)
    for kind in ("srt", "vtt", "json"):
        done = run("speak", *arguments, "--subtitles", f"x.{kind}", "--overwrite")
        assert done.returncode == 0, done.stderr.decode()
    row = json.loads(done.stdout)
    assert row["sentences"] == 2 and row["voice"] == "ada" and row["seed"] == 3
    cues = json.loads((run.work / "x.json").read_text())
    assert [c["text"] for c in cues] == ["Hello there.", "How are you, my friend?"]
    assert cues[0]["end"] < cues[1]["start"] and cues[1]["end"] <= row["duration"] + 0.01
    assert (run.work / "x.srt").read_text().startswith("1\n00:00:00,000 --> 00:00:0")
    assert (run.work / "x.vtt").read_text().startswith("WEBVTT\n\n")


def test_a_markdown_file_is_read_without_its_signs(run, speech):
    (run.work / "notes.md").write_text("# One\n\n*Two* `three`.\n\n```\nnot this\n```\n")
    done = run("speak", "--file", "notes.md", "-o", "x.wav", "--subtitles", "x.json", "-m", speech)
    assert done.returncode == 0, done.stderr.decode()
    assert [c["text"] for c in json.loads((run.work / "x.json").read_text())] == ["One", "Two three."]


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), "give the text"),
        (("",), "nothing to say"),
        (("... !!", "-q"), "nothing to say"),
        (("a", "--file", "b"), "give the text"),
        (("--file", "missing.txt"), "no such file"),
        (("a", "--speed", "fast"), "--speed fast"),
        (("a", "--subtitles", "x.doc"), "subtitles end in"),
        (("a", "--language", "xx"), "xx"),
        (("a", "--voice", "nobody"), "unknown voice"),
        (("a", "-o", "-", "--json"), "both want stdout"),
        (("<emphasis>a</emphasis>",), "emphasis"),
        (("[pause 99s] a",), "pause"),
        (("a", "--pronunciations", "missing.txt"), "missing.txt"),
    ],
)
def test_usage(fails, speech, arguments, says):
    code = 1 if arguments[-1:] == ("missing.txt",) and "--pronunciations" in arguments else 2
    fails(code, "speak", *arguments, "-m", speech, says=says)


def test_a_clip_that_is_no_voice_leaves_nothing(fails, run, speech, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros((16000, 2)), 8000)
    fails(2, "speak", "Hello.", "--voice", tmp_path / "silence.wav", "-m", speech, says="silent")
    (tmp_path / "text.wav").write_text("no sound at all")
    fails(1, "speak", "Hello.", "--voice", tmp_path / "text.wav", "-m", speech, says="not readable as audio")


def test_voices(run, fails, speech, tmp_path):
    rows = json.loads(run("voices", "list", "-m", speech, "--json").stdout)
    assert [r["name"] for r in rows] == ["ada", "ben"] and rows[0]["licence"] == "Apache-2.0"
    assert run("voices", "export", "ben", "-o", "b.safetensors", "-m", speech).returncode == 0
    done = run("speak", "Hello.", "--voice", "b.safetensors", "-o", "x.wav", "-m", speech)
    assert done.returncode == 0, done.stderr.decode()
    added = run("voices", "add", "mine", "b.safetensors", "--description", "soft", "-m", speech)
    assert added.returncode == 0, added.stderr.decode()
    listed = run("voices", "list", "-m", speech).stdout.decode()
    assert "mine" in listed and "own" in listed
    shown = json.loads(run("voices", "show", "mine", "-m", speech, "--json").stdout)
    assert (shown["description"], shown["language"]) == ("soft", "en-us")
    fails(2, "voices", "remove", "ada", "-m", speech, says="comes with the model")
    assert run("voices", "remove", "mine", "-m", speech).returncode == 0
    fails(2, "voices", "show", "mine", "-m", speech, says="unknown voice 'mine'")
    fails(2, "voices", "add", "a/b", "x.wav", "-m", speech, says="use letters")


def test_adding_a_voice_says_whose_it_is(run):
    assert b"consent" in run("voices", "add", "--help").stdout
