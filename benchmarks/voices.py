"""How far apart the voices in the box are, and how well each is understood.

python -m benchmarks.voices speak --out RUN [--count 6] [--model NAME|PATH]
maskaudio eval speech RUN/voices.jsonl --recogniser WHISPER_BASE --out RUN/report
python benchmarks/voices.py compare RUN

`speak` says the same sentences of sentences.json in every voice, as `maskaudio speak` does. `compare` wants
Resemblyzer; word errors are those of RUN/report, if there is one.

The similarity of two voices is the mean cosine over the pairs of two sentences of one and two of the other.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

COMPARED = 2  # sentences of a voice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    doing = parser.add_subparsers(dest="what", required=True)
    speaking = doing.add_parser("speak")
    speaking.add_argument("--out", type=Path, required=True, metavar="RUN")
    speaking.add_argument("--count", type=int, default=6)
    speaking.add_argument("--model", default="speech", metavar="NAME|PATH")
    comparing = doing.add_parser("compare")
    comparing.add_argument("run", type=Path, metavar="RUN")
    args = parser.parse_args()
    if args.what == "speak":
        speak(args.out, args.count, args.model)
        return
    lines = (args.run / "voices.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    report = args.run / "report" / "report.json"
    errors = word_errors(rows, json.loads(report.read_text())["clips"]) if report.is_file() else {}
    print(summary(rows, embedded(args.run, rows), errors))


def speak(out: Path, count: int, model: str) -> None:
    """Every voice of `model` says the first `count` test sentences: RUN/NAME-N.wav and RUN/voices.jsonl."""
    import maskaudio
    from maskaudio.checkpoints.registry import find_model
    from maskaudio.checkpoints.voices import read_voice_notes

    sentences = json.loads((Path(__file__).parent / "sentences.json").read_text(encoding="utf-8"))["test"]
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for path in sorted((find_model(model, "speech") / "voices").glob("*.safetensors")):
        notes = read_voice_notes(path)
        for number, text in enumerate(sentences[:count]):
            name = f"{path.stem}-{number}.wav"
            maskaudio.speak(text, voice=path.stem, seed=number, model=model, device="cpu").save(out / name)
            row = {"file": name, "text": text, "speaker": path.stem, "number": number}
            rows.append(row | {k: notes.get(k, "") for k in ("language", "description")})
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (out / "voices.jsonl").write_text(lines, encoding="utf-8")


def embedded(run: Path, rows: list[dict]) -> dict[str, np.ndarray]:
    """Resemblyzer's unit vectors of what is compared of each voice, [COMPARED, 256]."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    found: dict[str, list[np.ndarray]] = {}
    for row in rows:
        if row["number"] < COMPARED:
            wave = preprocess_wav(run / row["file"])
            found.setdefault(row["speaker"], []).append(encoder.embed_utterance(wave))
    return {speaker: np.stack(vectors) for speaker, vectors in found.items()}


def word_errors(rows: list[dict], clips: list[dict]) -> dict[str, float]:
    """The share of words that a recogniser got wrong, by voice; clips as a report has them."""
    speaker = {row["file"]: row["speaker"] for row in rows}
    amounts: dict[str, np.ndarray] = {}
    for clip in clips:
        who = speaker[clip["name"]]
        amounts[who] = amounts.get(who, np.zeros(2)) + clip["parts"]["wer"]
    return {who: float(wrong / words) for who, (wrong, words) in amounts.items()}


def summary(rows: list[dict], vectors: dict[str, np.ndarray], errors: dict[str, float]) -> str:
    """A line a voice, its nearest neighbour among them, and the nearest pairs of all."""
    about = {row["speaker"]: row for row in rows}
    alike = {(a, b): float((vectors[a] @ vectors[b].T).mean()) for a, b in itertools.permutations(vectors, 2)}
    lines = ["| voice | | language | word error | nearest | similarity |", "|---|---|---|---|---|---|"]
    for name in vectors:
        nearest = max((b for a, b in alike if a == name), key=lambda other: alike[name, other])
        error = f"{100 * errors[name]:.1f} %" if name in errors else ""
        known = about[name]
        cells = [name, known["description"], known["language"], error, nearest, f"{alike[name, nearest]:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    pairs = sorted(((s, a, b) for (a, b), s in alike.items() if a < b), reverse=True)
    own = [float(v[i] @ v[j]) for v in vectors.values() for i, j in itertools.combinations(range(len(v)), 2)]
    lines += [
        "",
        f"{len(pairs)} pairs: mean {np.mean([s for s, *_ in pairs]):.2f}, largest {pairs[0][0]:.2f}, "
        f"{sum(s <= 0.75 for s, *_ in pairs)} at most 0.75; two sentences of one voice: {np.mean(own):.2f}",
        "nearest pairs: " + ", ".join(f"{a} {b} {s:.2f}" for s, a, b in pairs[:8]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
