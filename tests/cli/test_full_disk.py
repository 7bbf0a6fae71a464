"""A full disk and a read-only folder, for every command that writes: one line, and no trace of a file."""

import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.fuzz import House, run_here

WRITERS = {
    "generate": "generate rain -d 0.5 -m {sound} -o out.wav",
    "flac": "generate rain -d 0.5 -m {sound} -o out.flac",
    "trace": "generate rain -d 0.5 -m {sound} -o /dev/null -f wav --trace out.png",
    "long": "generate rain -d 31 -m {sound} -o out.wav",
    "speak": "speak Hello. -m {speech} -o out.wav",
    "subtitles": "speak Hello. -m {speech} -o /dev/null -f wav --subtitles out.srt",
    "inpaint": "edit inpaint {clip} --from 0.2 --to 0.4 -m {sound} -o out.wav",
    "extend": "edit extend {clip} -d 0.5 -m {sound} -o out.wav",
    "encode": "codec encode {clip} -m {codec} -o out.safetensors",
    "decode": "codec decode {tokens} -m {codec} -o out.wav",
    "picture": "inspect {clip} --picture out.png",
    "export": "voices export ada -o out.safetensors -m {speech}",
    "batch": "batch {work}/lines.txt -o out -d 0.5 -m {sound}",
    "train": "train codec {work}/recipe.yaml --data {work}/data --out run",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House.in_folder(tmp_path_factory.mktemp("house"))


@pytest.fixture
def work(tmp_path, house):
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "lines.txt").write_text("rain\n")
    (folder / "recipe.yaml").write_text("tokens: {steps: 1, batch: 1, seconds: 0.3}\nwaves: {steps: 1}\n")
    for number in range(2):
        shutil.copy(house.clips[0], folder / "data" / f"{number}.wav")
    return folder


@contextmanager
def full_disk():
    """No file may grow over 16 bytes: the error that a full disk gives, in any folder, for root too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def asked(name, house, work):
    words = WRITERS[name].split()
    places = {"sound": house.sound, "speech": house.speech, "codec": house.codec}
    places |= {"clip": house.clips[0], "tokens": house.tokens, "work": work}
    return [word.format(**places) for word in words]


def files(folder):
    return {p for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(house, work, name):
    before = files(work)
    with full_disk():
        code, said = run_here(asked(name, house, work), work)
    assert code == 1, said
    assert said.rstrip("\n").rpartition("\n")[2].startswith("maskaudio: ") and "internal error" not in said
    left = {
        p
        for p in files(work) - before
        if p.suffix in (".wav", ".flac", ".png", ".srt", ".part", ".safetensors")
    }
    assert not left


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_nobody_may_write_to(house, work, name):
    closed = work / "closed"
    closed.mkdir(mode=0o555)
    if os.access(closed, os.W_OK):
        closed = Path("/proc")  # where not even root may
    code, said = run_here(asked(name, house, work), closed)
    assert code in (1, 2) and "internal error" not in said, said
