"""Speech of sentences and voices that no training has met, row by row, for a speech scorer.

python -m benchmarks.speech ROW --speech DIR --out RUN [--list test|development] [--count N] [settings]

ROW is one of
  corpus    other clips of the same voices, as they are: the best that can be had
  codec     the same through the codec, in the streams that speech uses
  semantic  stage 2 alone: the semantic tokens of the same clips, said again in the voice of the prompt
  timed     both stages, from the texts of the same clips and how long each of their sounds lasts
  speak     the whole road: sentences of benchmarks/sentences.json, voices in turn

Every row comes as WAV files with a manifest RUN/NAME.jsonl (file, text, speaker, prompt); a prompt is three
seconds of another clip of the voice, or with --people a file of DIR. `speak` writes RUN/NAME-mute.jsonl, too:
the same files, each with the text of the next and the prompt of another voice; a model that listens to its
text and its voice scores badly on it. Prints seconds of speech and the real-time factor.
"""

import argparse
import dataclasses
import functools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.codec import unseen_speech
from benchmarks.corpus import SAMPLE_RATE, waves
from maskaudio.audio import Audio, read_audio, resample
from maskaudio.pipelines import speech, speech_model
from maskaudio.pipelines.voices import Voice, voice_from_clip
from maskaudio.training.clips import Clip
from maskaudio.training.speech_batches import timed_units
from maskaudio.training.spoken import Spoken, spoken

PROMPT = 3.0  # seconds of a clip that make a voice
Row = Iterator[tuple[str, str, str, np.ndarray]]  # name, text, speaker, wave


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("row", choices=("corpus", "codec", "semantic", "timed", "speak"))
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN")
    parser.add_argument("--name", help="of the manifest [default: ROW]")
    parser.add_argument("--model", default="speech", metavar="NAME|PATH")
    parser.add_argument("--list", default="test", choices=("test", "development"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--candidates", type=int, default=1)
    parser.add_argument("--people", type=Path, metavar="DIR", help="speak: clips of 2 to 30 s as prompts")
    parser.add_argument(
        "--without",
        choices=sorted(WITHOUT),
        help="vector: only the prompt's tokens tell whose voice it is; durations: all sounds last alike",
    )
    parser.add_argument(
        "--revealed",
        type=float,
        default=speech_model.PROMPT,
        help="seconds of the prompt's tokens that are seen",
    )
    args = parser.parse_args()

    speech_model.PROMPT = args.revealed
    model = speech_model.load(args.model)
    if args.without:
        WITHOUT[args.without](model)
    settings = {k: getattr(args, k) for k in ("steps", "guidance", "temperature", "candidates")}
    manner = speech.Manner(**settings)
    clips, prompts = scene(args.speech)
    if args.people:
        prompts = {path.stem: mono(path) for path in sorted(args.people.glob("*.wav"))}
    out = args.out / (args.name or args.row)
    (out / "prompts").mkdir(parents=True, exist_ok=True)
    for speaker, wave in prompts.items():
        write(out / "prompts" / f"{plain(speaker)}.wav", wave)
    if args.row == "speak":
        sentences = json.loads((Path(__file__).parent / "sentences.json").read_text())[args.list][
            : args.count
        ]
        rows = sentences_in_turn(args.model, sentences, prompts, manner)
    else:
        rows = again(model, clips[: args.count], prompts, args.row, manner)
    lines, made, began = [], 0.0, time.perf_counter()
    with torch.inference_mode():
        for name, text, speaker, wave in rows:
            write(out / f"{name}.wav", wave)
            made += len(wave) / SAMPLE_RATE
            row = {"file": f"{out.name}/{name}.wav", "text": text, "speaker": speaker}
            lines.append(row | {"prompt": f"{out.name}/prompts/{plain(speaker)}.wav"})
    took = time.perf_counter() - began
    write_manifest(args.out / f"{out.name}.jsonl", lines)
    if args.row == "speak":
        after = lines[1:] + lines[:1]
        mute = [a | {"text": b["text"], "prompt": b["prompt"]} for a, b in zip(lines, after, strict=True)]
        write_manifest(args.out / f"{out.name}-mute.jsonl", mute)
    print(f"{len(lines)} clips, {made:.0f} s of speech, real-time factor {took / made:.3f}")


def scene(folder: Path) -> tuple[list[tuple[Clip, np.ndarray]], dict[str, np.ndarray]]:
    """Unseen clips with their waves, and three seconds of one more clip of each speaker."""
    prompts: dict[str, np.ndarray] = {}
    clips = []
    found = sorted(waves(unseen_speech(folder)), key=lambda x: x[0].name)
    for clip, wave in found:
        speaker = clip.fields["speaker"]
        if speaker not in prompts and len(wave) >= PROMPT * SAMPLE_RATE:
            prompts[speaker] = wave[: round(PROMPT * SAMPLE_RATE)]
        else:
            clips.append((clip, wave))
    return [c for c in clips if c[0].fields["speaker"] in prompts], prompts


def again(
    model: speech_model.SpeechModel,
    clips: list[tuple[Clip, np.ndarray]],
    prompts: dict[str, np.ndarray],
    row: str,
    manner: speech.Manner,
) -> Row:
    """Real clips: as they are, through the codec, from their semantic tokens, or from their timed texts."""
    if row == "timed":
        clips = [(clip, wave) for clip, wave in clips if spoken(clip).edges is not None]
    voices = (
        {s: prompt_voice(model, s, w) for s, w in prompts.items()} if row in ("semantic", "timed") else {}
    )
    first, second = manner.plans(model)
    for number, (clip, wave) in enumerate(clips):
        speaker, asked = clip.fields["speaker"], None
        batch = torch.from_numpy(wave)[None, None]
        if row == "codec":
            codes = model.codec.encode(batch)[:, : model.network.acoustic.streams]
        elif row != "corpus":
            if row == "timed":
                asked = timed(model, spoken(clip), len(wave) / SAMPLE_RATE)
                tokens = speech_model.speak_tokens(model, asked, first, [number])
            else:
                tokens = model.tokeniser.encode(batch)[:, 0]
            codes = speech_model.voice_tokens(model, tokens, voices[speaker], second, [number], asked=asked)
        if row != "corpus":
            wave = model.codec.decode(codes)[0, 0, : len(wave)].numpy()
        yield f"{number:04d}", clip.fields["text"], speaker, wave


def timed(model: speech_model.SpeechModel, said: Spoken, seconds: float) -> Tensor:
    """What each frame of a clip is to say, [1, T, dim], as long as the corpus says that each unit lasts."""
    rate = model.codec.frame_rate
    durations = timed_units(said, math.ceil(seconds * rate), rate)["durations"]
    features = speech_model.unit_features(model, said.units)
    return speech_model.what_is_asked(model, features, torch.from_numpy(durations))


def without_vector(model: speech_model.SpeechModel) -> None:
    """The voice's tokens stay; the vector pooled from them is nobody's, as in a tenth of the training."""
    model.network.voice_of = functools.partial(model.network.voice_of, nobody=torch.tensor([True]))


def without_durations(model: speech_model.SpeechModel) -> None:
    """A sentence lasts as long, but each of its units as long as their mean: text averaged, not aligned."""

    def level(_: nn.Module, __: object, frames: Tensor) -> Tensor:
        units = frames[:, 1:-1]  # the gaps around a sentence stay
        return torch.cat([frames[:, :1], units.mean(1, keepdim=True).expand_as(units), frames[:, -1:]], 1)

    model.network.durations.register_forward_hook(level)


WITHOUT = {"vector": without_vector, "durations": without_durations}


def sentences_in_turn(
    name: str,
    sentences: list[str],
    prompts: dict[str, np.ndarray],
    manner: speech.Manner,
) -> Row:
    """Sentences, each by the next of the voices."""
    model = speech_model.load(name)
    voices = [prompt_voice(model, s, w) for s, w in prompts.items()]
    for number, text in enumerate(sentences):
        voice = voices[number % len(voices)]
        settings = {f.name: getattr(manner, f.name) for f in dataclasses.fields(manner)}
        made = speech.speak(text, voice=voice, seed=number, model=name, device="cpu", **settings)
        yield f"{number:04d}", text, voice.name, made.samples[0]


def prompt_voice(model: speech_model.SpeechModel, speaker: str, wave: np.ndarray) -> Voice:
    """A voice out of a prompt, as `--voice CLIP` makes it."""
    return voice_from_clip(Audio(wave[None], SAMPLE_RATE), speaker, model.codec, model.tokeniser)


def mono(path: Path) -> np.ndarray:
    """The samples of a file, float32 [N] at 24 kHz."""
    audio = read_audio(path)
    return resample(audio.samples.mean(0), audio.sample_rate, SAMPLE_RATE)


def write(path: Path, wave: np.ndarray) -> None:
    """16-bit WAV."""
    import soundfile

    soundfile.write(path, wave.clip(-1, 1), SAMPLE_RATE)


def write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def plain(speaker: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in speaker)


if __name__ == "__main__":
    main()
