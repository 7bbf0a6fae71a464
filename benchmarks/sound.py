"""Does the sound model do what the words say, is it more than a lookup, and does it copy?

python -m benchmarks.sound --data DIR [--data DIR] --unseen DIR --out RUN [--model NAME|PATH] [--covered]

--data names what the model was trained on (captions, originals, training clips), --unseen a rendering
with another seed that neither the model nor its codec has seen. Tables go to stdout, every single answer to
RUN/sound.json, every clip to RUN as FLAC. --covered stops after the first table, of covered labels.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.copies import copies_table, measure_copies, measure_seeds
from benchmarks.corpus import KINDS, SAMPLE_RATE, Generate, Resynthesise, find, kind, seed, single, waves
from benchmarks.judge import JUDGE
from benchmarks.tables import table
from maskaudio.errors import UsageError
from maskaudio.evaluation.captions import NearestCaption, unseen, words
from maskaudio.evaluation.judge import SECONDS, Judge, load_judge
from maskaudio.evaluation.scores import Share
from maskaudio.training.clips import Clip

PROMPTS = Path(__file__).parent / "prompts.json"
Lookup = Callable[[str], tuple[str, ...]]  # prompt → labels
TITLES = {
    "unseen": "key word never seen in training",
    "swapped": "key word in no caption, but swapped in for a neighbour in training",
    "two": "two events",
    "manner": "count or manner",
}


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
    parser.add_argument("--model", default="sound", metavar="NAME|PATH")
    parser.add_argument("--codec", default="codec", metavar="NAME|PATH")
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--covered", action="store_true")
    args = parser.parse_args()

    judge, generate, resynthesise = load_judge(args.judge), library(args.model), codec(args.codec)
    clips = [c for c in find(args.data) if c.fields.get("permissive", True)]
    train = [c for c in clips if c.split == "train"]
    groups = split_unseen(read_prompts(train), swapped_in(args.model, train))
    originals = one_clip_a_label(clips, covered_labels(args.model, judge))

    prompts = [clip.captions[0] for clip in originals.values()]
    made = generate(prompts, [seed(label) for label in originals])
    keep(args.out / "covered", list(originals), made)
    covered = judge_covered(judge, originals, made, resynthesise)
    print(covered_table(covered), flush=True)
    if args.covered:
        return
    opened = {name: judge_open(judge, rows, generate, args.out / name) for name, rows in groups.items()}
    print(open_table(opened, {"nearest caption": captions(train), "nearest vectors": vectors(args.model)}))
    copies = measure_copies(dict(zip(originals, made, strict=True)), train, find(args.unseen), resynthesise)
    seeds = measure_seeds(prompts, made, generate)
    print(copies_table(copies, seeds))
    report = {
        "covered": {name: [asdict(h) for h in heard] for name, heard in covered.items()},
        "open": {name: [asdict(h) for h in heard] for name, heard in opened.items()},
        "distances": copies | seeds,
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
    """The classes that the model says it covers. Raises UsageError where the judge does not know one."""
    from maskaudio.checkpoints.registry import find_model, read_config

    classes = read_config(find_model(model, "sound"))["classes"]
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


def split_unseen(groups: dict[str, list[dict]], swapped: set[str]) -> dict[str, list[dict]]:
    """The group of unseen key words in two, those of `swapped` apart, and the other groups."""
    apart: dict[str, list[dict]] = {"unseen": [], "swapped": []}
    for row in groups["unseen"]:
        words_of_key = {word for word in words(row["prompt"]) if word.startswith(row["key"])}
        apart["swapped" if words_of_key & swapped else "unseen"].append(row)
    return apart | {name: rows for name, rows in groups.items() if name not in apart}


def swapped_in(model: str, train: list[Clip]) -> set[str]:
    """Words that training puts in the place of a caption's word now and then: its neighbours in meaning."""
    from maskaudio.pipelines.sound_model import load
    from maskaudio.text.neighbours import near_words

    table = load(model).words
    near = near_words(table, [text for clip in train for text in clip.captions])
    return {table.word(index) for found in near.values() for index in found}


def keep(folder: Path, names: list[str], made: list[np.ndarray]) -> None:
    """Write the clips so that they can be listened to."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in zip(names, made, strict=True):
        soundfile.write(folder / f"{'-'.join(words(name))}.flac", wave.clip(-1, 1), SAMPLE_RATE)


def top_five(judge: Judge, batch: list[np.ndarray]) -> list[list[str]]:
    """The likeliest labels of every wave."""
    return [judge.rank(torch.from_numpy(wave)[None])[0][:5] for wave in batch]


def judge_covered(
    judge: Judge, originals: dict[str, Clip], made: list[np.ndarray], resynthesise: Resynthesise
) -> dict[str, list[Heard]]:
    """One clip a label: originals, the same through the codec, generated ones, and those of other prompts."""
    real = {clip.fields["label"]: wave for clip, wave in waves(list(originals.values()), SECONDS)}
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
            for (label, clip), top in zip(originals.items(), top_five(judge, batch), strict=True)
        ]
        for name, batch in systems.items()
    }


def covered_table(covered: dict[str, list[Heard]]) -> str:
    """Top-1 and top-5, in all and by how the label's original was made."""
    means = {name: [np.mean([h.share(k) for h in heard]) for k in (1, 5)] for name, heard in covered.items()}
    rows = []
    for name, heard in covered.items():
        row = [name, *(Share.of([h.share(k) for h in heard]) for k in (1, 5))]
        for part in KINDS:
            one, five = (Share.of([h.share(k) for h in heard if h.kind == part]) for k in (1, 5))
            row.append(f"{100 * one.value:.0f} / {100 * five.value:.0f} % of {one.count}")
        rows.append(row)
    ratios = (g / max(c, 1e-9) for g, c in zip(means["generated"], means["codec resynthesis"], strict=True))
    text = table(["clips", "top-1", "top-5", *(f"{part}, top-1 / top-5" for part in KINDS)], rows)
    return text + "\nGenerated / codec resynthesis: {:.2f} (top-1), {:.2f} (top-5)\n".format(*ratios)


def judge_open(judge: Judge, rows: list[dict], generate: Generate, folder: Path) -> list[Heard]:
    """One clip a prompt of prompts.json."""
    prompts = [row["prompt"] for row in rows]
    made = generate(prompts, [seed(p) for p in prompts])
    keep(folder, prompts, made)
    tops = top_five(judge, made)
    return [Heard(r["prompt"], r["events"], top) for r, top in zip(rows, tops, strict=True)]


def open_table(opened: dict[str, list[Heard]], lookups: dict[str, Lookup]) -> str:
    """Events heard among the judge's five, beside lookups whose labels count as they stand."""
    rows = []
    for name, heard in opened.items():
        half = len(heard) // 2
        columns = [
            [h.share(5) for h in heard],
            [h.share(5) == 1 for h in heard],
            [h.share(5, o.events) for h, o in zip(heard, heard[half:] + heard[:half], strict=True)],
        ]
        for lookup in lookups.values():
            columns.append([Heard(h.prompt, h.events, list(lookup(h.prompt))).share(5) for h in heard])
        rows.append([TITLES[name], len(heard), *map(Share.of, columns)])
    return table(["prompts", "number", "top-5", "all events", "shuffled prompts", *lookups], rows)


def captions(train: list[Clip]) -> Lookup:
    """The labels of the training caption nearest in words."""
    return NearestCaption([(text, tuple(c.fields["labels"])) for c in train for text in c.captions]).labels


def vectors(model: str) -> Lookup:
    """The label whose description is nearest by the model's own word vectors."""
    from maskaudio.pipelines.sound_model import load

    sound = load(model)
    label = {caption: label for label, caption in sound.described.items()}
    return lambda prompt: (label[sound.nearest(prompt)[0]],)


if __name__ == "__main__":
    main()
