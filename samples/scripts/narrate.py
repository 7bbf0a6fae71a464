"""Narrate a book, a file for every chapter.

    python narrate.py BOOK.txt FOLDER [--voice NAME|CLIP]

A chapter begins at a line that starts with "Chapter", "CHAPTER" or "# ". Change a chapter and run it again:
only that one is spoken anew.
"""

import argparse
import json
import re
import subprocess
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("book", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voice", default="ada")
    args = parser.parse_args()
    text = args.book.read_text(encoding="utf-8-sig")
    parts = re.split(r"^(?=(?:Chapter|CHAPTER|# ))", text, flags=re.MULTILINE)
    chapters = [part.strip().removeprefix("# ") for part in parts if part.strip()]
    rows = [{"text": text, "voice": args.voice, "format": "mp3"} for text in chapters]
    manifest = "".join(json.dumps(row) + "\n" for row in rows)
    command = ["maskaudio", "batch", "-", "-o", str(args.folder), "--output", "{index:02}_{slug}"]
    raise SystemExit(subprocess.run(command, input=manifest.encode()).returncode)


if __name__ == "__main__":
    main()
