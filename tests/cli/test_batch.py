"""`maskaudio batch`: the real command on mixed manifests, killed, resumed, by two processes and on Ray."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tests.tiny import tiny_sound_model, tiny_speech_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folders of a sound model and a speech model."""
    folder = tmp_path_factory.mktemp("tiny")
    return tiny_sound_model(folder / "sound"), tiny_speech_model(folder / "speech")


def mixed(work, tiny, lines=40, formats=("wav", "flac", "ogg", "opus", "mp3", "raw")):
    """A manifest of good and bad lines; the recording it edits lies beside it."""
    sound, speech = map(str, tiny)
    tone = 0.3 * np.sin(np.arange(24000) * 0.05)
    soundfile.write(work / "take.wav", tone, 24000)
    rows = []
    for i in range(lines):
        row = {"format": formats[i % len(formats)]}
        match i % 10:
            case 0 | 1 | 2 | 3:
                row |= {"prompt": f"rain number {i % 7}", "duration": [0.5, 1.0][i % 2], "model": sound}
            case 4 | 5:
                row |= {"text": f"Line {i}.", "voice": ["ada", "ben"][i % 2], "model": speech}
            case 6:
                row |= {"task": "edit inpaint", "in": "take.wav", "from": 0.2, "to": 0.5, "model": sound}
            case 7:
                row |= {"text": "Who?", "voice": "nobody", "model": speech}
            case 8:
                row |= {"prompt": " ", "task": "generate", "model": sound}
            case 9:
                row |= {"prompt": "out", "model": sound, "output": ["../out.wav", "twice.wav"][i // 10 % 2]}
                row |= {"duration": 0.5}
        rows.append(row)
    (work / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def made(folder):
    names = [
        p
        for p in folder.rglob("*")
        if p.is_file() and p.name not in ("journal.jsonl", "results.jsonl", ".lock")
    ]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in names}


def results(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_a_mixed_manifest(run, tiny):
    rows = mixed(run.work, tiny)
    before = set(run.work.iterdir())
    done = run("batch", "lines.jsonl", "-o", "out", "--json")
    assert done.returncode == 3, done.stderr.decode()
    told = results(run.work / "out")
    assert [r["line"] for r in told] == list(range(1, len(rows) + 1))
    assert {r["line"] for r in map(json.loads, done.stdout.splitlines())} == {r["line"] for r in told}
    files = made(run.work / "out")
    assert files == {r["file"]: r["sha256"] for r in told if r["status"] == "done"}
    assert set(run.work.iterdir()) - before == {run.work / "out"}
    for index, record in enumerate(told):
        bad = {7: "nobody", 8: "empty", 9: "inside the folder" if index == 9 else "line 20"}.get(index % 10)
        if index == 19:
            assert record["file"] == "twice.wav"
        elif bad is None:
            assert record["status"] == "done", record
            assert record["file"].startswith(f"{index + 1:04}_") and record["duration"] > 0.1
        elif index != 29:  # ../out.wav again
            assert record["status"] == "failed" and bad in record["error"], record
    data, rate = soundfile.read(run.work / "out" / told[1]["file"])
    assert rate == 24000 and len(data) == 24000
    again = run("batch", "lines.jsonl", "-o", "out")
    assert again.returncode == 3 and b"made" not in again.stderr and results(run.work / "out") == told


def test_killed_and_resumed_the_files_are_the_same(run, tiny):
    """kill -9 at random moments; the sums of an undisturbed run come out."""
    mixed(run.work, tiny, 60)
    undisturbed = run("batch", "lines.jsonl", "-o", "whole", "-q")
    assert undisturbed.returncode == 3
    chance, killed = random.Random(5), 0
    command = [sys.executable, "-m", "maskaudio", "batch", "lines.jsonl", "-o", "out", "-q"]
    for _ in range(4):
        process = subprocess.Popen(command, cwd=run.work, env=run.env, stderr=subprocess.DEVNULL)
        journal, last = run.work / "out" / "journal.jsonl", time.monotonic() + 60
        size = journal.stat().st_size if journal.exists() else 0
        while process.poll() is None and time.monotonic() < last:
            if journal.exists() and journal.stat().st_size > size:
                time.sleep(chance.uniform(0.0, 0.3))
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert run("batch", "lines.jsonl", "-o", "out", "-q").returncode == 3
    assert made(run.work / "out") == made(run.work / "whole")
    differs = [{k: v for k, v in r.items() if k != "seconds"} for r in results(run.work / "out")]
    assert differs == [{k: v for k, v in r.items() if k != "seconds"} for r in results(run.work / "whole")]


def test_options_are_for_lines_that_leave_them_empty(run, tiny):
    (run.work / "m.csv").write_text("prompt,duration,seed\nrain,,\nrain,,\nsnow,0.5,7\n")
    asked = ("batch", "m.csv", "-o", "out", "-m", tiny[0], "-d", "1", "-f", "flac", "--steps", "6")
    done = run(*asked, "--output", "{index}-{seed}")
    assert done.returncode == 0, done.stderr.decode()
    one, two, three = results(run.work / "out")
    assert [r["duration"] for r in (one, two, three)] == [1.0, 1.0, 0.5]
    assert one["seed"] != two["seed"] and one["sha256"] != two["sha256"] and three["seed"] == 7
    assert three["file"] == "3-7.flac"


def test_a_line_makes_what_the_command_makes(run, tiny):
    sound, speech = tiny
    (run.work / "m.jsonl").write_text(
        json.dumps({"prompt": "rain", "duration": 6, "seed": 3, "model": str(sound), "output": "a"})
        + "\n"
        + json.dumps({"text": "Hello.", "seed": 4, "model": str(speech), "voice": "ben", "output": "b"})
    )
    assert run("batch", "m.jsonl", "-o", "out").returncode == 0
    assert run("generate", "rain", "-d", 6, "--seed", 3, "-m", sound, "-o", "a.wav").returncode == 0
    assert run("speak", "Hello.", "--seed", 4, "-m", speech, "--voice", "ben", "-o", "b.wav").returncode == 0
    for name in ("a.wav", "b.wav"):
        assert (run.work / "out" / name).read_bytes() == (run.work / name).read_bytes()


def test_a_plan_makes_nothing(run, tiny):
    done = run("batch", "-", "-o", "out", "--dry-run", "--json", "-m", tiny[0], input=b"rain\nsnow\n")
    assert done.returncode == 0 and not (run.work / "out").exists()
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [
        "0001_rain.wav",
        "0002_snow.wav",
    ]


def test_two_processes(run, tiny):
    mixed(run.work, tiny, 20)
    assert run("batch", "lines.jsonl", "-o", "one", "-q", "--threads", 1).returncode == 3
    assert run("batch", "lines.jsonl", "-o", "two", "-q", "--threads", 1, "--workers", 2).returncode == 3
    assert made(run.work / "one") == made(run.work / "two")


def test_ctrl_c_keeps_what_is_done(run, tiny):
    mixed(run.work, tiny, 200)
    command = [sys.executable, "-m", "maskaudio", "batch", "lines.jsonl", "-o", "out"]
    process = subprocess.Popen(command, cwd=run.work, env=run.env, stderr=subprocess.PIPE)
    while b": 0" not in process.stderr.readline():  # the first file
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert b"Traceback" not in process.stderr.read()
    told = [r for r in results(run.work / "out") if r["status"] == "done"]
    assert made(run.work / "out") == {r["file"]: r["sha256"] for r in told}


@pytest.mark.slow
def test_ray_with_a_worker_lost(run, tiny):
    """Two actors, one killed in mid-run: Ray gives its lines to another, each is made once."""
    mixed(run.work, tiny, 120, formats=("wav",))
    command = [sys.executable, "-m", "maskaudio", "batch", "lines.jsonl", "-o", "out"]
    command += ["--engine", "ray", "--workers", "2", "--threads", "1", "--json"]
    told = (run.work / "told.jsonl").open("w+")
    process = subprocess.Popen(command, cwd=run.work, env=run.env, stdout=told, stderr=subprocess.PIPE)
    lines = iter(process.stderr.readline, b"")
    for line in lines:
        if b": 0" in line:  # the first file
            break
    actors = subprocess.run(["pgrep", "-f", "ray::_Worker"], capture_output=True).stdout.split()
    assert actors
    os.kill(int(actors[0]), signal.SIGKILL)
    rest = b"".join(lines)
    assert process.wait(timeout=120) == 3, rest.decode()
    assert run("batch", "lines.jsonl", "-o", "here", "-q", "--threads", 1).returncode == 3
    assert made(run.work / "out") == made(run.work / "here")
    told.seek(0)
    assert sorted(json.loads(line)["line"] for line in told) == list(range(1, 121))
    numbers = [
        json.loads(x)["file"]
        for x in (run.work / "out/journal.jsonl").read_text().splitlines()
        if "done" in x
    ]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("nowhere.csv", "-o", "out"), 2, "no such file"),
        (("empty.csv", "-o", "out"), 2, "no lines"),
        (("m.txt", "-o", "out", "--duraton", "2"), 2, "--duraton"),
        (("m.txt", "-o", "out", "--output", "{text.x}"), 2, "braces"),
        (("m.txt", "-o", "out", "--task", "sing"), 2, "sing"),
        (("m.txt", "-o", "out", "--address", "auto"), 2, "--engine ray"),
        (("m.txt", "-o", "m.txt", "-q"), 1, "cannot be written"),
        (("m.txt",), 2, "--out"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(fails, run, arguments, code, says):
    (run.work / "empty.csv").write_text("")
    (run.work / "m.txt").write_text("rain\n")
    fails(code, "batch", *arguments, says=says)


def test_a_full_disk_ends_it_with_one_line(run, tiny):
    (run.work / "m.txt").write_text("rain\nsnow\n")
    shell = f"ulimit -f 4; exec {sys.executable} -m maskaudio batch m.txt -o out -d 2 -q -m {tiny[0]}"
    done = subprocess.run(["bash", "-c", shell], cwd=run.work, env=run.env, capture_output=True, timeout=120)
    assert done.returncode in (1, 3), done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not list((run.work / "out").rglob("*.wav")) and not list((run.work / "out").rglob("*.part"))
