"""What the wheel holds is what the checkout holds, under one name."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = {".json", ".safetensors", ".md", ".yaml", ".txt", ".py"}


def sources() -> set[str]:
    """Where each file of the checkout belongs in the wheel."""
    homes = {
        "maskaudio": ROOT / "maskaudio",
        "maskaudio/cli": ROOT / "cli",
        "maskaudio/models": ROOT / "models",
    }
    found = set()
    for home, folder in homes.items():
        for path in folder.rglob("*"):
            wanted = path.suffix in (WEIGHTS if folder.name == "models" else {".py", ".safetensors", ".html"})
            wanted |= ROOT / "maskaudio" / "serving" / "page" in path.parents
            if path.is_file() and wanted and "__pycache__" not in path.parts:
                found.add(f"{home}/{path.relative_to(folder).as_posix()}")
    return found


def test_the_wheel_holds_the_checkout_and_nothing_else(tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("maskaudio", "cli", "models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    (wheel,) = tmp_path.glob("maskaudio-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == sources()


def test_every_code_folder_is_a_package():
    for folder in [
        ROOT / "cli",
        ROOT / "models",
        *(p for p in (ROOT / "maskaudio").rglob("*") if p.is_dir()),
    ]:
        if folder.name != "__pycache__" and any(folder.glob("*.py")):
            assert (folder / "__init__.py").is_file(), folder


def test_the_command_runs_from_a_bare_checkout():
    command = [sys.executable, "-m", "maskaudio", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60)
    assert done.stdout.startswith(b"maskaudio ")
