"""Does the sound model do what the words say, is it more than a lookup, and does it copy?

python -m benchmarks.sound --data DIR [--data DIR] --unseen DIR --out RUN [--model NAME|PATH]

--data names what the model was trained on (captions, originals, training clips), --unseen a rendering
with another seed that neither the model nor its codec has seen. Tables go to stdout, every single answer to
RUN/sound.json, every clip to RUN as FLAC.
"""

import argparse
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.corpus import KINDS, SAMPLE_RATE, find, kind, single, waves
from benchmarks.judge import JUDGE
from maskaudio.errors import UsageError
from maskaudio.evaluation.captions import NearestCaption, unseen, words
from maskaudio.evaluation.copies import nearest, picture
from maskaudio.evaluation.judge import SECONDS, Judge, load_judge
from maskaudio.evaluation.scores import Share
from maskaudio.training.clips import Clip

PROMPTS = Path(__file__).parent / "prompts.json"
TITLES = {"unseen": "key word in no caption", "two": "two events", "manner": "count or manner"}

Generate = Callable[[list[str], list[int]], list[np.ndarray]]  # prompts, seeds → waves [N] of four seconds
Resynthesise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Heard:
    """What the judge heard in one clip: its five likeliest labels, and which were asked for."""

    prompt: str
    events: list[list[str]]  # for each event asked for, the labels that would do
    top: list[str]
    kind: str = ""

    def share(self, k: int, events: list[list[str]] | None = None) -> float:
        """Which part of the events is among the first k labels."""
        events = self.events if events is None else events
        return float(np.mean([any(label in self.top[:k] for label in event) for event in events]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--unseen", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--model", default="sound")
    parser.add_argument("--codec", default="codec")
    parser.add_argument("--judge", type=Path, default=JUDGE)
    args = parser.parse_args()

    judge, generate, resynthesise = load_judge(args.judge), library(args.model), codec(args.codec)
    clips = [c for c in find(args.data) if c.fields.get("permissive", True)]
    train = [c for c in clips if c.split == "train"]
    groups = read_prompts(train)
    originals = one_clip_a_label(clips, covered_labels(args.model, judge))
    args.out.mkdir(parents=True, exist_ok=True)

    made = generate([c.captions[0] for c in originals.values()], [seed(label) for label in originals])
    keep(args.out, list(originals), made)
    covered = judge_covered(judge, originals, made, resynthesise)
    print(covered_table(covered), flush=True)
    opened = {name: judge_open(judge, rows, generate, args.out) for name, rows in groups.items()}
    print(open_table(opened, train), flush=True)
    copies = measure_copies(
        dict(zip(originals, made, strict=True)), train, find(args.unseen), resynthesise
    )
    copies["two seeds"] = measure_seeds(list(originals.values()), made, generate)
    print(copies_table(copies))
    report = {
        "covered": {name: [asdict(h) for h in heard] for name, heard in covered.items()},
        "open": {name: [asdict(h) for h in heard] for name, heard in opened.items()},
        "copies": copies,
    }
    (args.out / "sound.json").write_text(json.dumps(report, indent=1))


def library(model: str, batch: int = 8) -> Generate:
    """The public call, in batches."""
    import maskaudio

    def generate(prompts: list[str], seeds: list[int]) -> list[np.ndarray]:
        made = []
        for i in range(0, len(prompts), batch):
            part = slice(i, i + batch)
            made += maskaudio.generate(prompts[part], duration=SECONDS, seed=seeds[part], model=model)
        return [np.asarray(audio.samples, np.float32).mean(0) for audio in made]

    return generate


def codec(name: str) -> Resynthesise:
    """wave [N] → tokens → wave [N]."""
    from maskaudio.codec.load import load_codec

    coder = load_codec(name)

    @torch.inference_mode()
    def resynthesise(wave: np.ndarray) -> np.ndarray:
        back = coder.decode(coder.encode(torch.from_numpy(wave)[None, None]))
        return back[0, 0, : len(wave)].numpy()

    return resynthesise


def covered_labels(model: str, judge: Judge) -> list[str]:
    """The classes that the model says it covers. Raises UsageError where the judge knows one of them not."""
    from maskaudio.checkpoints.folder import read_config

    folder = Path(model)
    if not (folder / "config.json").is_file():
        from maskaudio import models

        folder = Path(next(iter(models.__path__))) / model
    classes = read_config(folder)["classes"]
    strange = sorted(set(classes) - set(judge.labels))
    if strange:
        raise UsageError(f"the judge does not know '{strange[0]}'; train one on data that has it")
    return sorted(classes)


def one_clip_a_label(clips: list[Clip], labels: list[str]) -> dict[str, Clip]:
    """For every label a single-source clip, of the validation split where it has one."""
    chosen: dict[str, Clip] = {}
    for clip in sorted(filter(single, clips), key=lambda c: c.split == "valid"):
        chosen[clip.fields["label"]] = clip
    return {label: chosen[label] for label in labels if label in chosen}


def read_prompts(train: list[Clip]) -> dict[str, list[dict]]:
    """prompts.json. Raises UsageError where a key word, or a whole prompt, stands in a caption of `train`."""
    captions = [words(text) for clip in train for text in clip.captions]
    vocabulary, known = {w for caption in captions for w in caption}, {" ".join(c) for c in captions}
    groups = json.loads(PROMPTS.read_text(encoding="utf-8"))
    for row in (row for rows in groups.values() for row in rows):
        if " ".join(words(row["prompt"])) in known:
            raise UsageError(f"'{row['prompt']}' is a caption of the corpus")
        if "key" in row and not unseen(row["key"], vocabulary):
            raise UsageError(f"'{row['key']}' stands in a caption of the corpus")
    return groups


def seed(text: str) -> int:
    """A fixed seed for every label or prompt."""
    return zlib.crc32(text.encode()) % 2**31


def keep(folder: Path, names: list[str], made: list[np.ndarray]) -> None:
    """Write the clips so that they can be listened to."""
    import soundfile

    for name, wave in zip(names, made, strict=True):
        soundfile.write(folder / f"{'-'.join(words(name))}.flac", wave.clip(-1, 1), SAMPLE_RATE)


def ranked(judge: Judge, batch: list[np.ndarray]) -> list[list[str]]:
    """The five likeliest labels of every wave."""
    return [judge.rank(torch.from_numpy(wave)[None])[0][:5] for wave in batch]


def judge_covered(
    judge: Judge, originals: dict[str, Clip], made: list[np.ndarray], resynthesise: Resynthesise
) -> dict[str, list[Heard]]:
    """One clip a label: originals, the same through the codec, generated ones, and those of other prompts."""
    real = {c.fields["label"]: wave for c, wave in waves(list(originals.values()), SECONDS)}
    real = [real[label] for label in originals]
    half = len(made) // 2
    systems = {
        "original clips": real,
        "codec resynthesis": [resynthesise(wave) for wave in real],
        "generated": made,
        "shuffled prompts": made[half:] + made[:half],
    }
    return {
        name: [
            Heard(clip.captions[0], [[label]], top, kind(clip))
            for (label, clip), top in zip(originals.items(), ranked(judge, batch), strict=True)
        ]
        for name, batch in systems.items()
    }


def covered_table(covered: dict[str, list[Heard]]) -> str:
    lines = [
        "| clips | top-1 | top-5 | " + " | ".join(f"{name} 1 / 5" for name in KINDS) + " |",
        "|---" * (3 + len(KINDS)) + "|",
    ]
    for name, heard in covered.items():
        cells = [str(Share.of([h.share(k) for h in heard])) for k in (1, 5)]
        for part in KINDS:
            own = [h for h in heard if h.kind == part]
            both = [f"{100 * Share.of([h.share(k) for h in own]).value:.0f}" for k in (1, 5)]
            cells.append(f"{' / '.join(both)} % of {len(own)}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    rates = [
        np.mean([h.share(k) for h in covered["generated"]])
        / max(1e-9, np.mean([h.share(k) for h in covered["codec resynthesis"]]))
        for k in (1, 5)
    ]
    return "\n".join([*lines, "", f"Generated / codec resynthesis: {rates[0]:.2f} (top-1), {rates[1]:.2f} (top-5)"])


def judge_open(judge: Judge, rows: list[dict], generate: Generate, folder: Path) -> list[Heard]:
    """One clip a prompt of prompts.json."""
    prompts = [row["prompt"] for row in rows]
    made = generate(prompts, [seed(p) for p in prompts])
    keep(folder, prompts, made)
    tops = ranked(judge, made)
    return [Heard(r["prompt"], r["events"], top) for r, top in zip(rows, tops, strict=True)]


def open_table(opened: dict[str, list[Heard]], train: list[Clip]) -> str:
    """Events heard among the judge's five, beside a lookup whose labels count as they stand."""
    lookup = NearestCaption([(t, tuple(c.fields["labels"])) for c in train for t in c.captions])
    lines = ["| prompts | number | top-5 | all events in top-5 | shuffled prompts | nearest caption |", "|---" * 6 + "|"]
    for name, heard in opened.items():
        half = len(heard) // 2
        found = [Heard(h.prompt, h.events, list(lookup.labels(h.prompt))) for h in heard]
        columns = [
            [h.share(5) for h in heard],
            [float(h.share(5) == 1) for h in heard],
            [h.share(5, o.events) for h, o in zip(heard, heard[half:] + heard[:half], strict=True)],
            [h.share(5) for h in found],
        ]
        cells = " | ".join(str(Share.of(column)) for column in columns)
        lines.append(f"| {TITLES[name]} | {len(heard)} | {cells} |")
    return "\n".join(lines)


def measure_copies(
    made: dict[str, np.ndarray], train: list[Clip], fresh: list[Clip], resynthesise: Resynthesise
) -> dict[str, list[float]]:
    """Distance in dB to the nearest training clip of the label: generated clips, and real unseen ones.

    The unseen ones also through the codec, whose errors the generated clips carry too.
    """
    known: dict[str, list[torch.Tensor]] = {label: [] for label in made}
    mine = [c for c in train if single(c) and c.fields["label"] in known]
    for clip, wave in waves(mine):
        known[clip.fields["label"]].append(picture(wave))
    known = {label: pictures for label, pictures in known.items() if pictures}
    result = {"generated": [nearest(picture(made[label]), known[label]) for label in known]}
    result |= {"unseen": [], "unseen through the codec": []}
    few: dict[str, list[Clip]] = {label: [] for label in known}
    for clip in fresh:
        label = clip.fields["label"]
        if single(clip) and clip.fields.get("permissive", True) and len(few.get(label, "four")) < 4:
            few[label].append(clip)
    for clip, wave in waves([c for group in few.values() for c in group], SECONDS):
        own = known[clip.fields["label"]]
        result["unseen"].append(nearest(picture(wave), own))
        result["unseen through the codec"].append(nearest(picture(resynthesise(wave)), own))
    return result


def measure_seeds(originals: list[Clip], made: list[np.ndarray], generate: Generate, every: int = 5) -> list[float]:
    """Distance in dB of two clips of one prompt made with different seeds, for some of the prompts."""
    some = range(0, len(made), every)
    prompts = [originals[i].captions[0] for i in some]
    again = generate(prompts, [seed(p) + 1 for p in prompts])
    return [nearest(picture(made[i]), [picture(wave)]) for i, wave in zip(some, again, strict=True)]


def copies_table(copies: dict[str, list[float]]) -> str:
    lines = ["| distance in dB to the nearest training clip of the label | clips | 5th percentile | median |", "|---" * 4 + "|"]
    for name, values in copies.items():
        if name == "two seeds":
            continue
        low, middle = np.percentile(values, [5, 50])
        lines.append(f"| {name} | {len(values)} | {low:.2f} | {middle:.2f} |")
    for name in ("unseen", "unseen through the codec"):
        nearer = Share.of(np.array(copies["generated"]) < np.percentile(copies[name], 5))
        lines.append(f"\nGenerated clips nearer than the 5th percentile of those {name}: {nearer}")
    seeds = copies["two seeds"]
    lines.append(f"\nTwo seeds of {len(seeds)} prompts differ by {np.median(seeds):.2f} dB (least {min(seeds):.2f} dB)")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
