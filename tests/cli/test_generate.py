"""maskaudio generate, as a person calls it."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from maskaudio.audio import read_audio
from maskaudio.encoding import FORMATS

SHORT = ("-d", "0.5", "--steps", "6")


def test_names_the_file_after_prompt_and_seed_and_never_overwrites(run, model):
    for name in ("rain_on_a_tin_roof_7.wav", "rain_on_a_tin_roof_7_2.wav"):
        done = run("generate", "Rain on a tin roof!", "--seed", 7, "-m", model, *SHORT)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == b""
        line = done.stderr.decode().splitlines()[-1]
        assert name in line and "0.50 s" in line and "seed 7" in line
        assert read_audio(run.work / name).duration == 0.5
    assert len(list(run.work.iterdir())) == 2
    first, second = (p.read_bytes() for p in run.work.iterdir())
    assert first == second


def test_overwrite_replaces(run, model):
    (run.work / "x.wav").write_bytes(b"old")
    assert run("generate", "rain", "-o", "x.wav", "-m", model, *SHORT).returncode == 0
    assert (run.work / "x.wav").read_bytes() == b"old"
    assert (run.work / "x_2.wav").is_file()
    assert run("generate", "rain", "-o", "x.wav", "--overwrite", "-m", model, *SHORT).returncode == 0
    assert read_audio(run.work / "x.wav").duration == 0.5


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_by_suffix(run, model, format):
    done = run("generate", "rain", "-o", f"x.{format}", "--seed", 1, "-q", "-m", model, *SHORT)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    if format == "raw":
        assert (run.work / "x.raw").stat().st_size == 24000
    else:
        clip = read_audio(run.work / f"x.{format}")
        assert abs(clip.duration - 0.5) < 0.1
        assert clip.tags["seed"] == "1" and clip.tags["generated"]


def test_no_tags(run, model):
    assert run("generate", "rain", "-o", "x.wav", "--no-tags", "-m", model, *SHORT).returncode == 0
    assert read_audio(run.work / "x.wav").tags == {}


def test_count_into_a_folder_with_json(run, model):
    (run.work / "out").mkdir()
    done = run(
        "generate", "rain", "-n", 2, "--seed", 5, "-o", "out", "--json", "-f", "flac", "-m", model, *SHORT
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["seed"] for row in rows] == [5, 6]
    assert [row["file"] for row in rows] == ["out/rain_5.flac", "out/rain_6.flac"]
    first, second = (read_audio(run.work / row["file"]) for row in rows)
    assert not np.array_equal(first.samples, second.samples)
    alone = run("generate", "rain", "--seed", 6, "-o", "alone.flac", "-m", model, *SHORT)
    assert alone.returncode == 0
    assert np.array_equal(read_audio(run.work / "alone.flac").samples, second.samples)


def test_stdin_to_stdout(run, model):
    done = run("generate", "-", "-o", "-", "-m", model, *SHORT, input=b"rain on\na roof\n")
    assert done.returncode == 0, done.stderr.decode()
    assert read_audio(done.stdout).duration == 0.5
    assert b"wrote to stdout" in done.stderr
    assert list(run.work.iterdir()) == []


def test_options_from_the_environment(run, model):
    env = {"MASKAUDIO_GENERATE_MODEL": str(model), "MASKAUDIO_GENERATE_DURATION": "0.5"}
    assert run("generate", "rain", "-o", "x.wav", "--steps", "6", env=env).returncode == 0
    assert read_audio(run.work / "x.wav").duration == 0.5


def test_a_reader_that_hangs_up_is_no_error_message(run, model):
    command = [
        sys.executable,
        "-m",
        "maskaudio",
        "generate",
        "rain",
        "-o",
        "-",
        "-q",
        "-m",
        str(model),
        *SHORT,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=run.work, env=run.env, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_whole_files_only(run, model, number, code):
    command = [sys.executable, "-m", "maskaudio", "generate", "rain", "-n", "1000", "-m", str(model), *SHORT]

    def heed():  # background jobs of a shell ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, cwd=run.work, env=run.env, stderr=subprocess.PIPE, preexec_fn=heed
    ) as process:
        while not (line := process.stderr.readline()).startswith(b"maskaudio: wrote"):
            assert line  # it is at work
        process.send_signal(number)
        asked = time.monotonic()
        rest = process.stderr.read()
        assert process.wait(30) == code
    assert time.monotonic() - asked < 5
    assert b"Traceback" not in rest
    for path in run.work.iterdir():
        assert path.suffix == ".wav" and read_audio(path).duration == 0.5


def test_play_without_a_device_makes_nothing(run, model):
    done = run("generate", "rain", "-o", "x.wav", "--play", "-q", "-m", model, *SHORT)
    assert (run.work / "x.wav").is_file() == (done.returncode == 0)
    if done.returncode:  # no package or no device, as on most servers
        assert done.returncode == 1
        assert done.stderr.startswith(b"maskaudio: --play") and done.stderr.count(b"\n") == 1


def test_a_long_sound_is_written_while_it_is_made(run, model):
    long = ("generate", "rain", "--seed", 3, "-d", "31.5", "--steps", "6", "-m", model)
    done = run(*long, "-o", "x.flac", "--json")
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    clip = read_audio(run.work / "x.flac")
    assert told["duration"] == pytest.approx(31.5) and clip.duration == pytest.approx(31.5)
    assert clip.tags["seed"] == "3"
    piped = run(*long, "-o", "-", "-f", "raw", "-q")
    assert piped.returncode == 0 and len(piped.stdout) == 2 * 31.5 * 24000


def test_a_loop_and_another_sampler(run, model):
    options = ("--loop", "--sampler", "first-hitting", "--schedule", "linear", "--course", "constant")
    done = run("generate", "rain", "-o", "x.wav", "-d", "1.03", "--steps", "6", "-m", model, *options)
    assert done.returncode == 0, done.stderr.decode()
    assert read_audio(run.work / "x.wav").samples.shape[1] == 26 * 960, "whole frames of the codec"
