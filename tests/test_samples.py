"""The scripts of samples/scripts do what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "samples" / "scripts"


@pytest.fixture
def script(tmp_path):
    """script(*command): run it in an empty folder, with `maskaudio` and `python3` on the path."""
    bin = tmp_path / "bin"
    bin.mkdir()
    for name, arguments in (("maskaudio", "-m maskaudio "), ("python3", "")):
        (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (bin / name).chmod(0o755)
    env = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def script(*command):
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)

    return script


def test_game_sounds(script, tmp_path):
    done = script(SCRIPTS / "game_sounds.sh", "pack")
    assert done.returncode == 0, done.stderr
    names = {str(p.relative_to(tmp_path / "pack")) for p in (tmp_path / "pack").rglob("*.ogg")}
    assert names == {"ui/confirm.ogg", "ui/error.ogg", "world/rain.ogg", "world/dog.ogg", "world/door.ogg"}
    assert "5 kept" in script(SCRIPTS / "game_sounds.sh", "pack").stderr


def test_phone_menu(script, tmp_path):
    done = script(SCRIPTS / "phone_menu.sh")
    assert done.returncode == 0, done.stderr
    narrow = sorted((tmp_path / "phone").glob("*.8k.wav"))
    assert len(narrow) == 4
    for path in narrow:
        about = soundfile.info(path)
        assert (about.samplerate, about.channels, about.subtype) == (8000, 1, "ULAW") and about.duration > 0.8


def test_narrating_a_book(script, tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("Chapter one\n\nIt was raining.\n\nChapter two\n\nIt stopped.\n")
    command = (sys.executable, SCRIPTS / "narrate.py", book, "told")
    assert script(*command).returncode == 0
    assert [p.name for p in sorted((tmp_path / "told").glob("*.mp3"))] == [
        "01_chapter_one_it_was_raining.mp3",
        "02_chapter_two_it_stopped.mp3",
    ]
    book.write_text(book.read_text().replace("stopped", "went on"))
    assert "1 made, 1 kept" in script(*command).stderr
