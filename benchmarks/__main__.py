"""python -m benchmarks NAME …: the benchmark NAME; without one, which there are."""

import runpy
import sys
from pathlib import Path


def main() -> None:
    folder = Path(__file__).parent
    names = sorted(f.stem for f in folder.glob("*.py") if 'if __name__ == "__main__"' in f.read_text("utf-8"))
    names.remove("__main__")
    if sys.argv[1:2] == [] or sys.argv[1] not in names:
        raise SystemExit("python -m benchmarks NAME …, where NAME is one of: " + ", ".join(names))
    name = sys.argv.pop(1)
    sys.argv[0] = f"python -m benchmarks {name}"
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
