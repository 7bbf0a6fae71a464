"""Names, numbers and the live view."""

import subprocess
import sys

import pytest
import torch

from maskaudio.cli.output import free_path, plan_targets, slug
from maskaudio.cli.progress import draw
from maskaudio.decoding.engine import Progress
from maskaudio.errors import UsageError


@pytest.mark.parametrize(
    "text, name",
    [
        ("Rain on a tin roof, with distant thunder!", "rain_on_a_tin_roof_with_distant_thunder"),
        ("Über Öl / ../../etc/passwd", "uber_ol_etc_passwd"),
        ("a" * 300, "a" * 40),
        ("雨", slug("雨")),
    ],
)
def test_slug_is_a_short_safe_name(text, name):
    assert slug(text) == name
    assert 0 < len(name) <= 40 and name.isascii() and "/" not in name


def test_numbers_count_up(tmp_path):
    for name in ("x.wav", "x_2.wav", "x_3.wav"):
        assert free_path(tmp_path / "x.wav").name == name
        (tmp_path / name).touch()


def test_targets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [t.path.name for t in plan_targets(None, None, "big dog", [1, 2])]
    assert names == ["big_dog_1.wav", "big_dog_2.wav"]
    (target,) = plan_targets(str(tmp_path), "opus", "dog", [3])
    assert (target.path, target.format) == (tmp_path / "dog_3.opus", "opus")
    assert [t.path.name for t in plan_targets("x.mp3", None, "dog", [1, 2])] == ["x_1.mp3", "x_2.mp3"]
    assert plan_targets("x.dat", "raw", "dog", [1])[0].format == "raw"


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are made with script(1) or pty")
def test_stdout_to_a_terminal_is_refused(run):
    import os
    import pty

    main, side = pty.openpty()
    command = [sys.executable, "-m", "maskaudio", "generate", "rain", "-o", "-"]
    done = subprocess.run(command, cwd=run.work, env=run.env, stdout=side, stderr=subprocess.PIPE, timeout=60)
    os.close(side), os.close(main)
    assert done.returncode == 2
    assert b"stdout is a terminal" in done.stderr and done.stderr.count(b"\n") == 1


def test_format_is_needed(tmp_path):
    with pytest.raises(UsageError, match="says no format"):
        plan_targets(str(tmp_path / "name"), None, "dog", [1])


def test_the_live_view_fills_stream_by_stream():
    known = torch.zeros(1, 3, 100, dtype=torch.bool)
    known[:, 0] = True
    known[:, 1, :50] = True
    rows = draw(Progress(9, 12, 1, known), width=20).splitlines()
    assert rows[0] == "step 9 of 12"
    assert rows[1].endswith("█" * 20)
    assert rows[2].startswith("> stream  2") and rows[2].endswith("█" * 10 + "·" * 10)
    assert rows[3].endswith("·" * 20)
