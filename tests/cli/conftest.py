"""The real command, in a process of its own, in an empty folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MASKAUDIO_")}
    return kept | {"PYTHONPATH": str(ROOT), "MASKAUDIO_HOME": str(home)}


@pytest.fixture
def run(tmp_path):
    """run(*arguments, input=bytes) → the finished process; `work` is where it ran."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments, input=b"", env=None, timeout=120):
        command = [sys.executable, "-m", "maskaudio", *map(str, arguments)]
        env = environment(tmp_path / "home") | (env or {})
        return subprocess.run(command, cwd=work, env=env, input=input, capture_output=True, timeout=timeout)

    run.work, run.env = work, environment(tmp_path / "home")
    return run


@pytest.fixture
def fails(run):
    """fails(code, *arguments, says=word): one line on stderr, that exit code, nothing else left."""

    def fails(code, *arguments, says="", **options):
        before = sorted(run.work.rglob("*"))
        done = run(*arguments, **options)
        message = done.stderr.decode()
        assert done.returncode == code, message
        assert message.count("\n") == 1 and message.startswith("maskaudio: "), message
        assert says in message, message
        assert "internal error" not in message and "Traceback" not in message, message
        assert done.stdout == b""
        assert sorted(run.work.rglob("*")) == before
        return message

    return fails


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The folder of a sound model: the one in the box, or where that is not trained yet a tiny random one."""
    if (ROOT / "models" / "sound" / "config.json").is_file():
        return ROOT / "models" / "sound"
    from tests.tiny import tiny_sound_model

    folder = tmp_path_factory.mktemp("tiny") / "sound"
    tiny_sound_model(folder)
    return folder


@pytest.fixture(scope="session")
def codec(tmp_path_factory):
    """The folder of a codec, chosen like `model`."""
    if (ROOT / "models" / "codec" / "config.json").is_file():
        return ROOT / "models" / "codec"
    from tests.tiny import tiny_codec_model

    return tiny_codec_model(tmp_path_factory.mktemp("tiny") / "codec")


@pytest.fixture
def own_model(model, tmp_path):
    """A copy of the model that a test may damage."""
    return Path(shutil.copytree(model, tmp_path / "own"))


@pytest.fixture
def unwritable(tmp_path):
    """A folder that refuses new files, for root too."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        folder = Path("/proc")
    yield folder
    (tmp_path / "locked").chmod(0o755)
