"""How often `generate` warns that a model may not know a prompt: prompts of familiar.json, written by hand.

python -m benchmarks.familiar [--model NAME|PATH]

The threshold was chosen on the development list alone: no prompt of what is covered is warned of there.
Prints a table, and under it every answer that is wrong, with the sound that the model takes for the nearest.
"""

import argparse
import json
from pathlib import Path

from benchmarks.tables import table
from maskaudio.pipelines import sound_model
from maskaudio.pipelines.text_to_audio import unfamiliar

PROMPTS = Path(__file__).parent / "familiar.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    sound = sound_model.load(parser.parse_args().model)
    rows, wrong = [], []
    for name, kinds in json.loads(PROMPTS.read_text(encoding="utf-8")).items():
        for kind, prompts in kinds.items():
            warned = warned_of(sound, prompts)
            rows.append([name, kind, f"{len(warned)} of {len(prompts)}"])
            missed = warned if kind == "covered" else [text for text in prompts if text not in warned]
            wrong += [f"{name}, {kind}: {text} ({sound.nearest(text)[0]})" for text in missed]
    print(table(["list", "prompts of", "warned of"], rows))
    print(*wrong, sep="\n")


def warned_of(sound: sound_model.Generator, prompts: list[str]) -> list[str]:
    """Those that the model calls unfamiliar."""
    return [text for text in prompts if unfamiliar(sound, text)]


if __name__ == "__main__":
    main()
