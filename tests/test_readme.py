"""Every example of the README and of docs/ runs as it stands (a training run is cut to two steps)."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import maskaudio
from maskaudio.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
SMALL = " --set frames=200 --set training.steps=2 --set training.validate_every=2"
BRIEF = {  # training runs of two steps, and little to estimate a whole one from
    "sound": SMALL + " --set prior.steps=2 --set prior.batch=4 --set mixes=0 --set critic.steps=2"
    " --set ranker.steps=2 --set ranker.batch=8",
    "speech": SMALL + " --set takes=1",
    "speech-tokens": " --set seconds=4",
    "codec": " --set tokens.batch=1 --set waves.batch=1",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


def commands() -> list[str]:
    """All shell lines, without the ones that install."""
    lines = "\n".join(blocks(README, "sh")).splitlines()
    found = [re.sub(r"^pip install .*?&& (?=maskaudio)", "", line.split("  #")[0].strip()) for line in lines]
    return [line for line in found if line and not line.startswith("pip install")]


def shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    (bin / "maskaudio").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m maskaudio "$@"\n')
    (bin / "maskaudio").chmod(0o755)
    env = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    env |= {"MASKAUDIO_HOME": str(folder / "home")}
    return subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def test_the_readme_has_its_two_commands_first():
    first, second = blocks(README, "sh")[:2]
    assert "maskaudio generate" in first and first.count("\n") == 1
    assert "pytest" in second and second.count("\n") == 1
    assert second.strip().split("&& ")[-1] in (ROOT / ".ci" / "run").read_text()


def brief(script: str) -> str:
    """The same with training runs of two steps."""
    lines = script.split("\n")
    for number, line in enumerate(lines):
        if run := re.match("maskaudio train ([a-z-]+)", line):
            lines[number] += BRIEF[run[1]]
    return "\n".join(lines)


@pytest.fixture
def place(tmp_path):
    """A folder with what examples take for granted: the models, and recordings of one's own."""
    sounds = tmp_path / "my_sounds"
    sounds.mkdir()
    for name in ("models", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    for number in range(6):
        wave = 0.3 * np.sin(np.arange(48000) * (0.02 + 0.003 * number))
        soundfile.write(sounds / f"{number}.wav", wave, 24000)
        (sounds / f"{number}.txt").write_text(f"my cat number {number}")
    return tmp_path


@pytest.fixture
def my_speech(place):
    """Two speakers, two clips each, with what they say."""
    said = "The quick brown fox jumps over the lazy dog."
    names = ["ada"] * 2 + ["bram"] * 2
    clips = maskaudio.speak([said] * 4, voice=names, seed=list(range(4)), steps=2)
    for number, (name, clip) in enumerate(zip(names, clips, strict=True)):
        folder = place / "my_speech" / ("anna" if name == "ada" else "ben")
        folder.mkdir(parents=True, exist_ok=True)
        clip.save(folder / f"{number}.wav")
        (folder / f"{number}.txt").write_text(said)


def test_every_shell_example_runs(place):
    tmp_path = place
    lines = commands()
    assert sum("generate" in line for line in lines) >= 5
    for line in lines:
        done = shell(brief(line), tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert soundfile.info(tmp_path / "rain.wav").duration == pytest.approx(4.0)
    assert len(list((tmp_path / "takes").iterdir())) == 4
    assert (tmp_path / "bell.wav").read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("page", [page for page in DOCS if blocks(page, "sh")], ids=lambda page: page.stem)
def test_every_shell_example_of_the_docs_runs(page, place, monkeypatch, request):
    if "my_speech" in page.read_text(encoding="utf-8"):
        request.getfixturevalue("my_speech")
    monkeypatch.chdir(place)
    monkeypatch.setenv("MASKAUDIO_HOME", str(place / "home"))
    for block in blocks(page, "sh"):
        lines = [shlex.split(line, comments=True) for line in brief(block).splitlines()]
        if all(line[0] == "maskaudio" and not {"||", "|", ">"} & set(line) for line in lines):
            codes = [in_this_process(line, monkeypatch) for line in lines]  # many times as fast
            assert not any(codes), block
        else:
            done = shell("set -e\n" + block.replace("8123", free_port()), place)
            assert done.returncode == 0, f"{block}\n{done.stderr}"


def in_this_process(line: list[str], monkeypatch) -> int:
    """The exit code of a command line."""
    monkeypatch.setattr(sys, "argv", line)
    return app._run()


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_docs_are_short_and_their_links_lead_somewhere():
    assert DOCS
    for page in DOCS:
        text = page.read_text(encoding="utf-8")
        assert text.count("\n") <= 120, page.name
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", [p for p in (README, *DOCS) if blocks(p, "python")], ids=lambda p: p.stem)
def test_every_python_example_runs(page, tmp_path):
    code = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert ".save(" not in code or list(tmp_path.iterdir())
