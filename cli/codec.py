"""`maskaudio codec`: audio to a small file of tokens, and back."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from maskaudio.audio import Audio
    from maskaudio.codec.tokens import TokenFile

app = typer.Typer(help="Audio to tokens and back.", rich_markup_mode=None)

SUFFIX = ".safetensors"
CodecName = Annotated[str, options.option("--codec", "-m", "--model", help="A codec's name or folder.")]


@app.command()
def encode(
    source: Annotated[str, typer.Argument(metavar="AUDIO", help="An audio file; - for stdin.")],
    out: Annotated[
        str | None, options.option("-o", "--out", help="File or folder. [default: named here]")
    ] = None,
    codec: CodecName = "codec",
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Turn audio into a file of tokens."""
    from maskaudio.audio import read_audio
    from maskaudio.cli.output import check_folder, free_path

    if out == "-":
        raise UsageError("a token file cannot go to stdout: give -o a file")
    clip = read_audio(sys.stdin.buffer.read() if source == "-" else source)
    name = ("stdin" if source == "-" else Path(source).stem) + SUFFIX
    path = Path(name) if out is None else Path(out) / name if _is_folder(out) else Path(out)
    check_folder(path.parent)
    options.set_up(quiet=quiet, threads=threads, offline=offline)

    import torch

    from maskaudio.codec.load import load_codec
    from maskaudio.codec.tokens import TokenFile
    from maskaudio.devices import pick_device

    place = pick_device(device.value)
    model = load_codec(codec, place)
    wave = torch.from_numpy(_fit(clip, model.sample_rate))[None].to(place)
    with torch.inference_mode():
        codes = model.encode(wave).cpu()
    path = path if overwrite else free_path(path)
    tokens = TokenFile(codes, model.name, model.hash, model.sample_rate, wave.shape[-1])
    tokens.save(path)
    kilobits = path.stat().st_size * 8 / 1000 / clip.duration
    if not quiet:
        options.say(f"wrote {path}: {clip.duration:.2f} s in {codes.shape[1]} streams, {kilobits:.1f} kbit/s")
    if as_json:
        print(json.dumps(_describe(path, tokens)))


@app.command()
def decode(
    source: Annotated[Path, typer.Argument(metavar="TOKENS", help="A file that 'codec encode' made.")],
    out: Annotated[str | None, options.option("-o", "--out", help="File, folder, or - for stdout.")] = None,
    format: Annotated[
        str | None,
        options.option("-f", "--format", help="wav, flac, ogg, opus, mp3 or raw. [default: suffix]"),
    ] = None,
    codec: CodecName = "",
    streams: Annotated[
        int | None, options.option("--streams", min=1, help="Use the first streams only.")
    ] = None,
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Turn a file of tokens into audio; the file names its codec."""
    if as_json and out == "-":
        raise UsageError("--json and -o - both want stdout: give -o a file")
    from maskaudio.audio import Audio, encode_audio
    from maskaudio.cli.output import plan_targets

    out = f"{source.stem}.{format or 'wav'}" if out is None else out
    if out != "-" and _is_folder(out):
        out = str(Path(out) / f"{source.stem}.{format or 'wav'}")
    (target,) = plan_targets(out, format, source.stem, [0])
    options.set_up(quiet=quiet, threads=threads, offline=offline)

    import torch

    from maskaudio.codec.load import load_codec
    from maskaudio.codec.tokens import TokenFile
    from maskaudio.devices import pick_device

    tokens = TokenFile.load(source)
    place = pick_device(device.value)
    model = load_codec(codec or tokens.codec_name, place)
    tokens.check(model)
    codes = tokens.codes[:, :streams].to(place)
    with torch.inference_mode():
        wave = model.decode(codes)[0, :, : tokens.samples].float().cpu().numpy()
    clip = Audio(wave, model.sample_rate)
    path = target.write(encode_audio(clip, target.format), overwrite=overwrite)
    if not quiet:
        options.say(f"wrote {'to stdout' if target.is_stdout else path}: {clip.duration:.2f} s of sound")
    if as_json:
        made = {"file": str(path), "format": target.format, "codec": model.name, "duration": clip.duration}
        print(json.dumps(made | {"sample_rate": clip.sample_rate}))


@app.command()
def info(
    source: Annotated[Path, typer.Argument(metavar="TOKENS", help="A file that 'codec encode' made.")],
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Say what a file of tokens holds."""
    from maskaudio.codec.tokens import TokenFile

    described = _describe(source, TokenFile.load(source))
    if as_json:
        print(json.dumps(described))
        return
    for key, value in described.items():
        print(f"{key:<12} {value}")


def _describe(path: Path, tokens: "TokenFile") -> dict[str, object]:
    _, streams, frames = tokens.codes.shape
    return {
        "file": str(path),
        "codec": tokens.codec_name,
        "codec_hash": tokens.codec_hash,
        "streams": streams,
        "frames": frames,
        "duration": round(tokens.samples / tokens.sample_rate, 3),
        "sample_rate": tokens.sample_rate,
        "bytes": path.stat().st_size,
    }


def _fit(clip: "Audio", rate: int) -> "np.ndarray":
    """float32 [1, N] at the codec's rate: channels are averaged."""
    from maskaudio.audio import resample

    return resample(clip.samples.mean(axis=0, keepdims=True), clip.sample_rate, rate)


def _is_folder(out: str) -> bool:
    return out.endswith("/") or Path(out).is_dir()
