"""Every example of the README runs as it stands (a training run is cut to two steps)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = "--set prior.steps=2 --set training.steps=2 --set mixes=0 --set training.validate_every=2"
SHORT += " --set critic.steps=2 --set ranker.steps=2 --set ranker.batch=8"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[str]:
    """All shell lines, without the ones that install."""
    lines = "\n".join(blocks("sh")).splitlines()
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
    first, second = blocks("sh")[:2]
    assert "maskaudio generate" in first and first.count("\n") == 1
    assert "pytest" in second and second.count("\n") == 1
    assert second.strip().split("&& ")[-1] in (ROOT / ".ci" / "run").read_text()


def test_every_shell_example_runs(tmp_path):
    sounds = tmp_path / "my_sounds"
    sounds.mkdir()
    for name in ("models", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    for number in range(6):
        wave = 0.3 * np.sin(np.arange(48000) * (0.02 + 0.003 * number))
        soundfile.write(sounds / f"{number}.wav", wave, 24000)
        (sounds / f"{number}.txt").write_text(f"my cat number {number}")
    lines = commands()
    assert sum("generate" in line for line in lines) >= 5
    for line in lines:
        if "train sound" in line and "dry-run" not in line:
            line = f"{line} {SHORT}"
        done = shell(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert soundfile.info(tmp_path / "rain.wav").duration == pytest.approx(4.0)
    assert len(list((tmp_path / "takes").iterdir())) == 4
    assert (tmp_path / "bell.wav").read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_example_runs(code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.wav"))
