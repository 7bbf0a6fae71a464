"""Who is taken for a voice, and whether long speech holds together.

python -m benchmarks.speech_checks --speech DIR --sounds DIR --out RUN [--model NAME|PATH] [--minutes 10]

Offers 40 unseen clips of speech and 40 of sounds as voices, and counts the refused ones. Reads a text of ten
minutes in the voice of an unseen clip: how far the loudness of neighbouring sentences is apart, and manifests
RUN/joins-first.jsonl and joins-last.jsonl of its ends for a speech scorer: both are to be as like the prompt.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks.codec import unseen_sounds, unseen_speech
from benchmarks.corpus import SAMPLE_RATE, waves
from benchmarks.speech import plain, prompt_voice, scene, write, write_manifest
from benchmarks.tables import table
from maskaudio.audio import Audio
from maskaudio.errors import UsageError
from maskaudio.loudness import loudness
from maskaudio.pipelines import speech, speech_model
from maskaudio.pipelines.voices import voice_from_clip
from maskaudio.training.clips import Clip

OFFERED = 40  # clips of either kind
ENDS = 30  # sentences at the beginning and at the end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--sounds", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--model", default="speech", metavar="NAME|PATH")
    parser.add_argument("--minutes", type=float, default=10.0)
    args = parser.parse_args()

    model = speech_model.load(args.model)
    args.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, str] = {}
    for what, clips in (("speech", unseen_speech(args.speech)), ("sounds", unseen_sounds(args.sounds))):
        reasons = [why for why in (refused(model, clip, wave) for clip, wave in long_enough(clips)) if why]
        figures[f"clips of {what} refused as voices"] = f"{len(reasons)} of {OFFERED}"
        figures |= {f"... {why}": str(reasons.count(why)) for why in sorted(set(reasons))}
    steps = joins(model, args.speech, args.out, args.minutes)
    figures["neighbouring sentences, loudness apart, LU: mean / most"] = (
        f"{np.mean(steps):.2f} / {max(steps):.2f}"
    )
    print(table(["what", "figure"], figures.items()))


def long_enough(clips: list[Clip]) -> list[tuple[Clip, np.ndarray]]:
    """OFFERED clips of at least 2.5 s, spread over the list."""
    picks = [clips[i] for i in np.random.default_rng(0).permutation(len(clips))]
    long = ((clip, wave) for clip, wave in waves(picks[: 6 * OFFERED]) if len(wave) >= 2.5 * SAMPLE_RATE)
    return list(itertools.islice(long, OFFERED))


def refused(model: speech_model.SpeechModel, clip: Clip, wave: np.ndarray) -> str:
    """Why a clip is not taken for a voice, without its name and numbers; empty where it is taken."""
    try:
        voice_from_clip(Audio(wave[None], SAMPLE_RATE), "clip", model.codec, model.tokeniser)
    except UsageError as error:
        return " ".join(w for w in str(error).split() if not any(c.isdigit() for c in w))
    return ""


def joins(model: speech_model.SpeechModel, folder: Path, out: Path, minutes: float) -> list[float]:
    """Steps of loudness between neighbouring sentences, in LU; writes the ends of the reading to `out`."""
    sentences = json.loads((Path(__file__).parent / "sentences.json").read_text())["test"]
    _, prompts = scene(folder)
    speaker, wave = next(iter(prompts.items()))
    prompt = f"joins/{plain(speaker)}.wav"
    (out / "joins").mkdir(exist_ok=True)
    write(out / prompt, wave)
    levels, lines, seconds = [], [], 0.0
    text = "\n\n".join(itertools.islice(itertools.cycle(sentences), int(minutes * 60)))
    said = speech.utterances(
        text, voice=prompt_voice(model, speaker, wave), seed=1, model=str(model.folder), device="cpu"
    )
    for number, utterance in enumerate(said):
        samples = utterance.audio.samples[0]
        levels.append(loudness(samples, SAMPLE_RATE))
        seconds += len(utterance.with_pause()[0]) / SAMPLE_RATE
        write(out / f"joins/{number:04d}.wav", samples)
        row = {"file": f"joins/{number:04d}.wav", "text": utterance.sentence.text}
        lines.append(row | {"speaker": speaker, "prompt": prompt})
        if seconds >= 60 * minutes:
            break
    for name, part in (("first", lines[:ENDS]), ("last", lines[-ENDS:])):
        write_manifest(out / f"joins-{name}.jsonl", part)
    return [abs(b - a) for a, b in itertools.pairwise(levels)]


if __name__ == "__main__":
    main()
