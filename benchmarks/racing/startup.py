"""What a command imports, and how large an installation is."""

import re
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "numpy", "scipy", "librosa")


def imported(arguments: list[str]) -> str:
    """Which of the heavy modules `python -m maskaudio …` imports."""
    line = [sys.executable, "-X", "importtime", "-m", "maskaudio", *arguments]
    log = subprocess.run(line, capture_output=True, text=True, check=True).stderr
    names = set(re.findall(r"^import time:.*\|\s+(\w+)$", log, re.MULTILINE))
    return ", ".join(name for name in HEAVY if name in names) or "none of " + ", ".join(HEAVY)


def installed(environment: Path) -> str:
    """The size of a virtual environment, and of maskaudio in it."""
    own = [p for p in environment.rglob("site-packages/maskaudio") if p.is_dir()]
    return f"{size(environment):,.0f} MB, of it {sum(map(size, own)):,.0f} MB maskaudio and its models"


def size(folder: Path) -> float:
    """MB of all files in a folder, links not followed."""
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sum(p.stat().st_size for p in files) / 1e6
