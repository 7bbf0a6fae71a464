"""Ten minutes of one person: how much more like them the model speaks once it is trained further.

python -m benchmarks.finetuning split --sounds DIR --texts FILE --out RUN
maskaudio train speech models/speech/finetune.yaml --from speech --data RUN/announcer --out RUN/tuned
python -m benchmarks.finetuning speak before --run RUN
python -m benchmarks.finetuning speak after --run RUN --model RUN/tuned/model
maskaudio eval speech RUN/before.jsonl --recogniser WHISPER_BASE --out RUN/before-report
maskaudio eval speech RUN/after.jsonl --recogniser WHISPER_BASE --against RUN/before-report

`split` wants the sounds of a telephone announcer as Asterisk has them: DIR of .g722 files, FILE with a line
`name: text` for each (needs PyAV, which comes with faster-whisper). It leaves RUN/announcer to train on, ten
minutes with their texts; RUN/voice.wav, twenty other clips joined: what similarity is measured to;
RUN/prompt.wav, one more; and RUN/held.jsonl and RUN/codec.jsonl, ten more as they are and through the codec:
the ceilings. `speak` says sentences of benchmarks/sentences.json in the voice of RUN/prompt.wav.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import torch

from benchmarks.speech import SAMPLE_RATE, mono, sentences_in_turn, write, write_manifest
from maskaudio.audio import resample
from maskaudio.pipelines import speech_model
from maskaudio.pipelines.speech import Manner

SHORTEST, LONGEST = 1.5, 12.0  # seconds of a clip
TRAINED = 600.0  # seconds to train on
VOICE, CEILING = 20, 10  # clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    doing = parser.add_subparsers(dest="what", required=True)
    splitting = doing.add_parser("split")
    splitting.add_argument("--sounds", type=Path, required=True, metavar="DIR")
    splitting.add_argument("--texts", type=Path, required=True, metavar="FILE")
    splitting.add_argument("--out", type=Path, required=True, metavar="RUN")
    speaking = doing.add_parser("speak")
    speaking.add_argument("name", metavar="NAME")
    speaking.add_argument("--run", type=Path, required=True, metavar="RUN")
    speaking.add_argument("--model", default="speech", metavar="NAME|PATH")
    speaking.add_argument("--count", type=int, default=50)
    args = parser.parse_args()
    if args.what == "split":
        split(args.sounds, read_texts(args.texts), args.out)
    else:
        speak(args.run, args.name, args.model, args.count)


def split(sounds: Path, texts: dict[str, str], run: Path) -> None:
    """Who is trained on and who is not, in an order that only names decide."""
    order = sorted(texts, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    clips = [(name, decode(path)) for name in order if (path := sounds / f"{name}.g722").is_file()]
    clips = [(n, w) for n, w in clips if SHORTEST <= len(w) / SAMPLE_RATE <= LONGEST]
    long = [clip for clip in clips if len(clip[1]) >= 3 * SAMPLE_RATE]
    voice, held, (prompt,) = long[:VOICE], long[VOICE : VOICE + CEILING], long[VOICE + CEILING :][:1]
    away = {name for name, _ in (*voice, *held, prompt)}
    (run / "announcer").mkdir(parents=True, exist_ok=True)
    (run / "held").mkdir(exist_ok=True)
    (run / "codec").mkdir(exist_ok=True)
    seconds, count = 0.0, 0
    for name, wave in clips:
        if name not in away and seconds < TRAINED:
            path = run / "announcer" / f"{name.replace('/', '-')}.wav"
            write(path, wave)
            path.with_suffix(".txt").write_text(texts[name], encoding="utf-8")
            seconds, count = seconds + len(wave) / SAMPLE_RATE, count + 1
    write(run / "voice.wav", np.concatenate([wave for _, wave in voice]))
    write(run / "prompt.wav", prompt[1])
    model = speech_model.load()
    rows = []
    for number, (name, wave) in enumerate(held):
        write(run / "held" / f"{number}.wav", wave)
        write(run / "codec" / f"{number}.wav", through_codec(model, wave))
        rows.append({"file": f"{number}.wav", "text": texts[name], "prompt": "voice.wav"})
    for kind in ("held", "codec"):
        write_manifest(run / f"{kind}.jsonl", [row | {"file": f"{kind}/{row['file']}"} for row in rows])
    print(f"{count} clips to train on, {seconds / 60:.1f} minutes")


def speak(run: Path, name: str, model: str, count: int) -> None:
    """RUN/NAME.jsonl and its clips: test sentences in the voice of RUN/prompt.wav."""
    sentences = json.loads((Path(__file__).parent / "sentences.json").read_text(encoding="utf-8"))["test"]
    (run / name).mkdir(exist_ok=True)
    rows = []
    prompts = {"announcer": mono(run / "prompt.wav")}
    for number, text, _, wave in sentences_in_turn(model, sentences[:count], prompts, Manner()):
        write(run / name / f"{number}.wav", wave)
        rows.append({"file": f"{name}/{number}.wav", "text": text, "prompt": "voice.wav"})
    write_manifest(run / f"{name}.jsonl", rows)


def read_texts(path: Path) -> dict[str, str]:
    """What is said in each sound, without sounds that are not speech alone."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = [line.split(":", 1) for line in lines if ":" in line and not line.startswith(";")]
    return {name.strip(): text.strip() for name, text in pairs if not re.search(r"[][()*#]", text)}


def decode(path: Path) -> np.ndarray:
    """The samples of a G.722 file, float32 [N] at 24 kHz."""
    import av

    with av.open(str(path), format="g722") as file:
        stream = file.streams.audio[0]
        parts = [frame.to_ndarray().reshape(-1) for frame in file.decode(stream)]
        return resample(np.concatenate(parts).astype(np.float32) / 32768, stream.rate, SAMPLE_RATE)


@torch.inference_mode()
def through_codec(model: speech_model.SpeechModel, wave: np.ndarray) -> np.ndarray:
    """wave [N] as its codes in the streams that speech uses have it."""
    return through(model.codec, wave, model.network.acoustic.streams)


def through(codec: torch.nn.Module, wave: np.ndarray, streams: int | None) -> np.ndarray:
    """wave [N] as its first `streams` codes have it."""
    codes = codec.encode(torch.from_numpy(wave)[None, None])[:, :streams]
    return codec.decode(codes)[0, 0, : len(wave)].numpy()


if __name__ == "__main__":
    main()
