"""maskaudio edit, as a person calls it."""

import json

import numpy as np
import pytest
import soundfile


@pytest.fixture
def take(run):
    rng = np.random.default_rng(0)
    soundfile.write(run.work / "take.wav", 0.1 * rng.standard_normal((44100 * 2, 2)), 44100)
    return run.work / "take.wav"


def test_inpainting_keeps_what_is_around_bit_by_bit(run, take, model):
    done = run("edit", "inpaint", "take.wav", "--from", 0.5, "--to", 1.1, "--seed", 3, "-m", model, "--json")
    assert done.returncode == 0, done.stderr.decode()
    row = json.loads(done.stdout)
    assert row["file"] == "take_inpaint_3.wav" and row["source"] == "take.wav"
    before, after = (soundfile.read(run.work / name, dtype="int16")[0] for name in ("take.wav", row["file"]))
    same = (before == after).all(1)
    assert same[:22050].all() and same[48510:].all() and not same[22050:48510].all()
    again = run(
        "edit",
        "inpaint",
        "-",
        "--from",
        0.5,
        "--to",
        1.1,
        "--seed",
        3,
        "-m",
        model,
        "-o",
        "-",
        "-q",
        input=take.read_bytes(),
    )
    assert again.returncode == 0 and len(again.stdout) > 4 * 88200


def test_extending_and_varying(run, take, model):
    done = run("edit", "extend", "take.wav", "-d", 1, "--at", "start", "-m", model, "-o", "long.flac")
    assert done.returncode == 0, done.stderr.decode()
    assert soundfile.info(run.work / "long.flac").frames == 3 * 44100
    done = run(
        "edit", "variation", "take.wav", "--strength", 0.3, "--prompt", "rain", "-m", model, "-o", "v.wav"
    )
    assert done.returncode == 0 and soundfile.info(run.work / "v.wav").channels == 2


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("inpaint", "take.wav", "--from", 1, "--to", 9), "to 9"),
        (("inpaint", "take.wav", "--from", 1, "--to", 1), "nothing in between"),
        (("inpaint", "take.wav", "--from", 1), "--to"),
        (("variation", "take.wav", "--strength", 2), "strength 2"),
        (("extend", "take.wav", "-d", 1, "--at", "middle"), "at 'middle'"),
        (("extend", "take.wav", "-d", "nan"), "above 0"),
        (("bandwidth", "take.wav"), "no frequency bands"),
        (("bandwidth", "take.wav", "--cutoff", "nan"), "cutoff nan"),
        (("inpaint", "missing.wav", "--from", 0, "--to", 1), "no such file"),
        (("inpaint", "take.wav", "--from", 0, "--to", 1, "--negative", "a"), "needs a prompt"),
        (("inpaint", "take.wav", "--from", 0, "--to", 1, "--prompt", ""), "prompt is empty"),
    ],
)
def test_usage(fails, take, model, arguments, says):
    fails(2, "edit", *arguments, "-m", model, says=says)


def test_a_trace_shows_one_clip(fails, take, model):
    fails(2, "generate", "rain", "-m", model, "--trace", "t.png", "--candidates", 2, says="--trace")
    fails(2, "edit", "extend", "take.wav", "-d", 15, "-m", model, "--trace", "t.png", says="at most 10 s")


def test_a_trace_and_an_inspection(run, fails, take, model):
    done = run("generate", "rain", "-d", 1, "-m", model, "-o", "x.wav", "--trace", "x.gif", "-q")
    assert done.returncode == 0 and (run.work / "x.gif").read_bytes()[:3] == b"GIF"
    done = run("inspect", "x.wav", "--picture", "x.png", "--json")
    facts = json.loads(done.stdout)
    assert facts["seconds"] == 1.0 and facts["tags"]["generated"] == "yes"
    assert (run.work / "x.png").read_bytes()[1:4] == b"PNG"
    shown = run("inspect", "take.wav").stdout.decode()
    assert "44100" in shown and "█" in shown
    fails(2, "generate", "rain", "--trace", "x.jpg", "-m", model, says="png or .gif")
    fails(2, "generate", "rain", "--trace", "x.gif", "-m", model, says="exists already")
    fails(2, "inspect", "missing.wav", says="no such file")
