"""A report as a folder: figures for programs, and a page for people with sounds and pictures inside."""

import base64
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np

from maskaudio.audio import Audio, encode_audio, resample
from maskaudio.config import to_dict
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.evaluation.packages import EXTRA, leave_out
from maskaudio.evaluation.report import Evaluation, Report
from maskaudio.files import write_file

WORST, CHANCE = 10, 4  # clips that are shown: the worst, and some drawn by chance
LONGEST = 20.0  # seconds of a clip that the page holds
RATE = 24000
DATA, PAGE = "report.json", "report.html"


def check_out(folder: Path, *, overwrite: bool = False) -> None:
    """Raise UsageError where `folder` is a file, or holds a report already."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; a report is a folder")
    if (folder / DATA).exists() and not overwrite:
        raise UsageError(f"{folder}: holds a report already; --overwrite replaces it")


def save(evaluation: Evaluation, folder: Path, *, overwrite: bool = False) -> None:
    """Write report.json and report.html: a new folder appears whole, in one that exists each file does."""
    check_out(folder, overwrite=overwrite)
    files = {DATA: as_json(evaluation.report).encode(), PAGE: render(evaluation).encode()}
    if folder.exists():
        for name, data in files.items():
            write_file(folder / name, data)
        return
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir()
        for name, data in files.items():
            write_file(part / name, data)
        part.rename(folder)
    except OSError as error:
        raise MaskaudioError(f"{folder}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def as_json(report: Report) -> str:
    """The report as one JSON object."""
    return json.dumps(to_dict(report), ensure_ascii=False, allow_nan=False)


def render(evaluation: Evaluation) -> str:
    """The page: nothing in it is fetched from anywhere."""
    import jinja2

    report = evaluation.report
    order = report.worst()
    rest = order[WORST:]
    by_chance = sorted(random.Random(0).sample(rest, min(CHANCE, len(rest))))
    shown = {"The worst": order[:WORST], "Some more, by chance": by_chance}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html").read_text("utf-8"))
    header, *rows = report.table()
    return template.render(
        report=report,
        header=header,
        rows=rows,
        groups={name: [_clip(evaluation, i) for i in chosen] for name, chosen in shown.items() if chosen},
    )


def _clip(evaluation: Evaluation, index: int) -> dict[str, object]:
    """What the page shows of a clip."""
    report = evaluation.report
    clip = report.clips[index]
    values = {
        report.measures[key]: report.measures[key].text(clip.value(key))
        for key in report.measures
        if key in clip.parts
    }
    players = [
        {"name": name, "audio": _uri("audio/mpeg", encode_audio(short, "mp3")), "picture": _picture(short)}
        for name, short in ((n, _shortened(audio)) for n, audio in evaluation.sounds(index).items())
    ]
    return {"about": clip, "values": values, "players": players}


def _shortened(audio: Audio) -> Audio:
    """The first seconds at 24 kHz in one channel, without tags."""
    wave = audio.samples[:, : round(LONGEST * audio.sample_rate)].mean(0, keepdims=True)
    return Audio(resample(np.ascontiguousarray(wave), audio.sample_rate, RATE), RATE)


def _picture(audio: Audio) -> str | None:
    """Its spectrogram, or None where matplotlib is not installed."""
    import torch

    from maskaudio.evaluation.mel import mel_db

    try:
        from maskaudio.pictures import draw_spectrogram

        mel = mel_db(torch.from_numpy(audio.samples), RATE)[0].numpy()
        return _uri("image/png", draw_spectrogram(mel, audio.duration))
    except ImportError:
        leave_out("spectrograms", (), EXTRA, {})
        return None


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
