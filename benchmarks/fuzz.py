"""What commands do with damaged files and senseless values.

python -m benchmarks.fuzz [--cases 2400] [--seed 0]

Every case gives one command an input with a few bytes or words changed: recordings, manifests, token files,
voices, configs, weights, recipes, option files, option values. It must end with an exit code of ours and,
where it fails, with one line on stderr: no traceback, no hang, no half-written file, only finite audio.
The commands run in this process, on models with random weights.
"""

import argparse
import contextlib
import io
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.tables import table

PATIENCE = 60  # seconds
NASTY = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e999",
    "1e-999",
    "99999999999999999999",
    "",
    " ",
    "true",
    "null",
    "[]",
]
NASTY += [
    "{}",
    "\x00",
    "../..",
    "/dev/null",
    "é" * 300,
    "\ud83d\ude00",
    "1,2,,3",
    "0x10",
    "'",
    '"',
    "--",
    "-",
]
FORMATS = ("wav", "flac", "ogg", "mp3", "opus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(Path(folder), args.cases, args.seed)
    rows = [[name, *(codes.get(c, 0) for c in (0, 1, 2, 3))] for name, codes in sorted(found.codes.items())]
    print(table(["input", "done", "failed (1)", "refused (2)", "some rows (3)"], rows))
    cases = sum(sum(codes.values()) for codes in found.codes.values())
    print(f"{cases} cases, {len(found.wrong)} wrong, slowest {found.slowest:.1f} s")
    for command, why in found.wrong[:20]:
        print(f"{why}\n    {' '.join(command)}")
    if found.wrong:
        raise SystemExit(1)


@dataclass
class Found:
    """Exit codes by kind of input, and the cases that ended as none should."""

    codes: dict[str, Counter] = field(default_factory=dict)
    wrong: list[tuple[list[str], str]] = field(default_factory=list)
    slowest: float = 0.0


def fuzz(folder: Path, cases: int, seed: int) -> Found:
    """`cases` damaged inputs, in turn from every kind; `folder` is empty and ours."""
    house = House.in_folder(folder)
    found = Found()
    kinds = list(KINDS)
    for number in range(cases):
        chance = random.Random(f"{seed}:{number}")
        kind = kinds[number % len(kinds)]
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        command = KINDS[kind](house, work, chance)
        before = {p: p.read_bytes() for p in work.rglob("*") if p.is_file()}
        started = time.monotonic()
        code, said = run_here(command, work)
        found.slowest = max(found.slowest, time.monotonic() - started)
        found.codes.setdefault(kind, Counter())[code] += 1
        if why := _complaint(code, said, work, before):
            found.wrong.append((command, why))
    return found


def _complaint(code: int, said: str, work: Path, before: dict[Path, bytes]) -> str | None:
    """What is wrong with how a command ended; None where nothing is."""
    if code not in (0, 1, 2, 3):
        return f"exit code {code}: {said[-300:]}"
    if "Traceback" in said or "internal error" in said:
        return said[-300:]
    if code in (1, 2) and not said.strip():
        return "it failed without a word"
    if code in (1, 2) and not said.rstrip("\n").rpartition("\n")[2].startswith("maskaudio: "):
        return f"its last line is none of ours: {said[-300:]}"
    for path in work.rglob("*"):
        if not path.is_file() or before.get(path) == path.read_bytes():
            continue
        if path.name.endswith(".part"):
            return f"{path.name} is left"
        if path.suffix[1:] in FORMATS:
            samples = soundfile.read(path)[0]
            if not (len(samples) and np.isfinite(samples).all()):
                return f"{path.name} is no finite audio"
    return None


def run_here(command: list[str], work: Path) -> tuple[int, str]:
    """Exit code and stderr of a command, in this process."""
    from maskaudio.cli import app, options

    out, said = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    argv, sys.argv = sys.argv, ["maskaudio", *command]
    options.debugging = False
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(PATIENCE)
    try:
        with contextlib.chdir(work), contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = app._run()
    except BaseException as error:  # what would have been a traceback
        code, text = -1, f"{type(error).__name__}: {error}"
        said.write(text)
    finally:
        signal.alarm(0)
        sys.argv = argv
    return code, said.getvalue()


def _too_long(*_: object) -> None:
    raise TimeoutError(f"not done within {PATIENCE} s")


@dataclass(frozen=True)
class House:
    """Sound inputs of every kind, to be damaged."""

    sound: Path
    speech: Path
    codec: Path
    clips: list[Path]
    tokens: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "House":
        from tests.tiny import tiny_sound_model, tiny_speech_model

        sound, speech = tiny_sound_model(folder / "sound"), tiny_speech_model(folder / "speech")
        wave = 0.3 * np.sin(np.arange(36000) * 0.05) * np.linspace(0.2, 1, 36000)
        clips = []
        for name in FORMATS:
            clips.append(folder / f"clip.{name}")
            kind = {"opus": ("OGG", "OPUS")}.get(name, (None, None))
            soundfile.write(clips[-1], wave, 24000, format=kind[0], subtype=kind[1])
        codec, tokens = sound / "codec", folder / "tokens.safetensors"
        code, said = run_here(["codec", "encode", str(clips[0]), "-o", str(tokens), "-m", str(codec)], folder)
        if code:
            raise SystemExit(said)
        return cls(sound, speech, codec, clips, tokens)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    """A few bytes other, fewer or more; the beginning, where headers are, more often."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        if not data:
            break
        at = chance.randrange(min(len(data), chance.choice([16, 128, 2048, 1 << 30])))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at : at + 4] = chance.choice(
                    [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x00\x00\x80\x7f"]
                )
            case 2:
                del data[at:]
            case 3:
                del data[at : at + chance.randrange(1, 64)]
            case 4:
                data[at:at] = chance.randbytes(chance.randrange(1, 64))
    return bytes(data)


def _words(text: str, chance: random.Random) -> str:
    """A few words, numbers or signs other."""
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.randrange(12))
        text = text[:at] + chance.choice([*NASTY, "", ",", "\n", "}", ":", "#"]) + text[end:]
    return text


def _values(table: object, chance: random.Random) -> object:
    """JSON with one value other, gone, or of another kind."""
    if isinstance(table, dict) and table:
        key = chance.choice(list(table))
        if chance.random() < 0.15:
            return {k: v for k, v in table.items() if k != key}
        if chance.random() < 0.1:
            return table | {"surprise": 1}
        return table | {key: _values(table[key], chance)}
    if isinstance(table, list) and table and chance.random() < 0.7:
        at = chance.randrange(len(table))
        return [*table[:at], _values(table[at], chance), *table[at + 1 :]]
    return chance.choice(
        [None, -1, 0, 1, 1.5, 10**9, -(10**9), 1e308, True, "x", "", [], {}, [1, 2, 3], "../.."]
    )


def _damaged(source: Path, work: Path, chance: random.Random) -> str:
    path = work / source.name
    path.write_bytes(_bytes(source.read_bytes(), chance))
    return str(path)


def recording(house: House, work: Path, chance: random.Random) -> list[str]:
    clip = _damaged(chance.choice(house.clips), work, chance)
    sound, out = ["-m", str(house.sound), "--seed", "1"], ["-o", "out.wav"]
    return chance.choice(
        [
            ["inspect", clip],
            ["inspect", clip, "--json"],
            ["codec", "encode", clip, "-o", "out.safetensors", "-m", str(house.codec)],
            ["edit", "inpaint", clip, "--from", "0.2", "--to", "0.5", *sound, *out],
            ["edit", "extend", clip, "-d", "0.5", *sound, *out],
            ["edit", "variation", clip, "--strength", "0.5", *sound, *out],
            ["edit", "speech", clip, "--replace", "a", "--with", "b", "-m", str(house.speech), *out],
            ["speak", "Hello.", "--voice", clip, "-m", str(house.speech), *out],
        ]
    )


def manifest(house: House, work: Path, chance: random.Random) -> list[str]:
    rows = [
        {"prompt": "rain", "duration": "0.5", "seed": "1", "output": "a.wav"},
        {"prompt": "a dog", "duration": "0.4", "seed": "", "output": "b/c.flac"},
        {"prompt": "snow", "duration": "0.5", "seed": "3", "output": ""},
    ]
    header = ",".join(rows[0])
    texts = {
        "m.csv": header + "\n" + "".join(",".join(row.values()) + "\n" for row in rows),
        "m.tsv": header.replace(",", "\t") + "\n" + "".join("\t".join(row.values()) + "\n" for row in rows),
        "m.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "m.txt": "rain\na dog barking\n",
    }
    name = chance.choice(list(texts))
    text = _words(texts[name], chance)
    (work / name).write_bytes(
        _bytes(text.encode(errors="replace"), chance)
        if chance.random() < 0.2
        else text.encode(errors="replace")
    )
    return ["batch", name, "-o", "out", "-m", str(house.sound), "-d", "0.5"]


def journal(house: House, work: Path, chance: random.Random) -> list[str]:
    (work / "m.txt").write_text("rain\n")
    (work / "out").mkdir()
    (work / "out" / "journal.jsonl").write_bytes(
        _bytes(
            b'{"begun": "ab", "file": "0001_rain.wav"}\n{"done": "ab", "file": "0001_rain.wav", "line": 1}\n',
            chance,
        )
    )
    return ["batch", "m.txt", "-o", "out", "-m", str(house.sound), "-d", "0.5"]


def tokens(house: House, work: Path, chance: random.Random) -> list[str]:
    path = _damaged(house.tokens, work, chance)
    return chance.choice(
        [["codec", "info", path], ["codec", "decode", path, "-o", "out.wav", "-m", str(house.codec)]]
    )


def voice(house: House, work: Path, chance: random.Random) -> list[str]:
    path = _damaged(house.speech / "voices" / "ada.safetensors", work, chance)
    return ["speak", "Hi.", "--voice", path, "-m", str(house.speech), "-o", "out.wav", "--seed", "1"]


def _copied(model: Path, work: Path) -> Path:
    copy = work / "model"
    shutil.copytree(model, copy)
    return copy


def _used(kind: str, model: Path) -> list[str]:
    if kind == "sound":
        return ["generate", "rain", "-d", "0.5", "--seed", "1", "-m", str(model), "-o", "out.wav"]
    return ["speak", "Hi.", "--seed", "1", "-m", str(model), "-o", "out.wav"]


def config(house: House, work: Path, chance: random.Random) -> list[str]:
    kind = chance.choice(["sound", "speech"])
    model = _copied(getattr(house, kind), work)
    path = model / chance.choice(["config.json", "config.json", "codec/config.json"])
    text = path.read_text()
    text = json.dumps(_values(json.loads(text), chance)) if chance.random() < 0.8 else _words(text, chance)
    path.write_bytes(text.encode(errors="replace"))
    return chance.choice([_used(kind, model), _used(kind, model), ["models", "show", str(model)]])


def weights(house: House, work: Path, chance: random.Random) -> list[str]:
    kind = chance.choice(["sound", "speech"])
    model = _copied(getattr(house, kind), work)
    path = model / "model.safetensors"
    path.write_bytes(_bytes(path.read_bytes(), chance))
    return _used(kind, model)


def recipe(house: House, work: Path, chance: random.Random) -> list[str]:
    root = Path(__file__).resolve().parents[1] / "models"
    what = chance.choice(["codec", "sound", "speech-tokens", "speech"])
    text = _words((root / what / "recipe.yaml").read_text(), chance)
    (work / "recipe.yaml").write_bytes(text.encode(errors="replace"))
    (work / "data").mkdir()
    for number in range(2):
        shutil.copy(house.clips[0], work / "data" / f"{number}.wav")
        (work / "data" / f"{number}.txt").write_text("hello")
    return ["train", what, "recipe.yaml", "--data", "data", "--out", "run", "--dry-run"]


def options_file(house: House, work: Path, chance: random.Random) -> list[str]:
    text = f'[generate]\nmodel = "{house.sound}"\nduration = 0.5\nsteps = [4, 1, 1]\nseed = 1\n'
    (work / "o.toml").write_bytes(_words(text, chance).encode(errors="replace"))
    return ["--config", "o.toml", "generate", "rain", "-o", "out.wav", "-m", str(house.sound), "-d", "0.5"]


def option(house: House, work: Path, chance: random.Random) -> list[str]:
    flags = {
        "generate": ["--steps", "--guidance", "--temperature", "--top-p", "--span", "--sampler", "--schedule"]
        + [
            "--course",
            "--space",
            "--rescale",
            "--candidates",
            "--negative",
            "--rescore-weight",
            "--hybrid-seconds",
        ]
        + [
            "--seed",
            "--format",
            "--count",
            "--device",
            "--threads",
            "--out",
            "--model",
            "--trace",
            "--rescore",
        ],
        "speak": [
            "--speed",
            "--duration",
            "--steps",
            "--guidance",
            "--temperature",
            "--top-p",
            "--candidates",
        ]
        + ["--language", "--engine", "--voice", "--voice-text", "--file", "--pronunciations", "--subtitles"],
        "inpaint": ["--from", "--to", "--prompt", "--steps", "--guidance"],
        "batch": ["--output", "--task", "--as", "--retry", "--workers", "--duration", "--steps", "--format"],
    }
    what = chance.choice(list(flags))
    asked = [
        f"{flag}={chance.choice(NASTY)}" for flag in chance.sample(flags[what], chance.choice([1, 1, 2]))
    ]
    asked = [a.replace("\x00", "\x01") for a in asked]  # no argument of a process holds a zero byte
    if what == "generate":
        return [*_used("sound", house.sound), *asked]
    if what == "speak":
        return [*_used("speech", house.speech), *asked]
    if what == "inpaint":
        span = ["--from", "0.1", "--to", "0.3", "-m", str(house.sound), "-o", "out.wav"]
        return ["edit", "inpaint", str(house.clips[0]), *span, *asked]
    (work / "m.txt").write_text("rain\n")
    return ["batch", "m.txt", "-o", "out", "-m", str(house.sound), "-d", "0.5", "--dry-run", *asked]


def text(house: House, work: Path, chance: random.Random) -> list[str]:
    plain = (
        'On 3 May 2021, Dr. Smith paid $5.20 at 10:30 [pause 300ms] for [[həˈloʊ]] <break time="1s"/> nginx.'
    )
    said = _words(plain, chance).replace("\x00", "")
    if chance.random() < 0.5:
        return ["speak", "-m", str(house.speech), "-o", "out.wav", "--seed", "1", "--", said]
    return ["generate", "-m", str(house.sound), "-d", "0.5", "-o", "out.wav", "--seed", "1", "--", said]


KINDS: dict[str, Callable[[House, Path, random.Random], list[str]]] = {
    "recordings": recording,
    "manifests": manifest,
    "journals": journal,
    "token files": tokens,
    "voices": voice,
    "configs": config,
    "weights": weights,
    "recipes": recipe,
    "option files": options_file,
    "option values": option,
    "texts": text,
}


if __name__ == "__main__":
    main()
