"""What a codec loses, and what it costs: each clip beside what comes back of it."""

import functools
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskaudio.audio import Audio, resample
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.evaluation.cases import Case, read_cases
from maskaudio.evaluation.mel import mel_distance
from maskaudio.evaluation.packages import optional
from maskaudio.evaluation.report import CEILING, Evaluation, Scored, Watch, make_report
from maskaudio.evaluation.scores import Figure, Part, drawn, of_set
from maskaudio.evaluation.speech import expect, make_ear

RATE = 24000  # Hz, of everything but what stands next
TELEPHONY = 16000  # Hz, of PESQ in wide band and of STOI
DRAWS = 200  # bootstrap samples of how codes are used

Distance = Callable[[np.ndarray, np.ndarray], float]  # original and what came back, [N] → a figure


def evaluate_codec(
    manifest: str | Path,
    *,
    model: str | None = None,
    recogniser: str | Path | None = None,
    language: str = "en-us",
    device: str = "auto",
    watch: Watch | None = None,
) -> Evaluation:
    """Judge what a codec makes of the clips of a manifest (columns file, and perhaps reference, text).

    model: a codec's name or folder, which each file goes through. Without it a file is what some codec made
    of its reference; where there are no references, ours is taken. Texts add the errors that a recogniser
    (or our own tokeniser, see evaluate_speech) makes more than in the originals, the ceiling.
    Raises UsageError for a bad row, an unknown codec, or some rows with and some without a reference.
    """
    cases = read_cases(Path(manifest), "codec")
    device, missing = pick_device(device), {}
    paired = model is None and any(case.reference for case in cases)
    for case in cases if paired else ():
        if not case.reference:
            raise UsageError(f"line {case.line}: no reference, unlike other lines; or give a --model")
    coder = None if paired else Coder(model or "codec", device)
    distances = _distances(missing)
    ear = make_ear(recogniser, language, device, missing) if any(case.asked for case in cases) else None
    expected = expect(ear, cases) if ear else {}
    if coder:
        coder.pass_through(cases[0].wave(coder.rate))  # a first call takes longer

    def listen(case: Case) -> tuple[str, dict[str, Part], dict[str, Part]]:
        """What is said in what came back, its figures, and those of the original."""
        original, back, parts = _both(case, coder)
        waves = {rate: (original(rate), back(rate)) for rate in (RATE, TELEPHONY)}
        for key, (rate, call) in distances.items():
            length = min(len(wave) for wave in waves[rate])
            value = call(*(wave[:length] for wave in waves[rate]))
            parts |= {key: (value, 1.0)} if math.isfinite(value) else {}
        if case not in expected:
            return "", parts, {}
        heard = ear.hear(back(ear.rate))
        wrong, before = (ear.errors(expected[case], said) for said in (heard, ear.hear(original(ear.rate))))
        added = {f"{key}_added": (amount - before[key][0], n) for key, (amount, n) in wrong.items()}
        return heard, parts | wrong | added, before

    scored, ceiling, counts = [], [], []
    for number, case in enumerate(cases, 1):
        heard, parts, before = listen(case)
        scored.append(Scored(case.name, case.asked, heard, parts))
        ceiling.append(before)
        if coder:
            counts.append(coder.counted())
        if watch:
            watch(number, len(cases))
    settings = {"codec": f"{coder.codec.name} ({coder.codec.hash})"} if coder else {}
    report = make_report(
        "codec",
        Path(manifest),
        scored,
        {CEILING: ("the originals", ceiling)},
        of_set=usage(np.stack(counts)) | {"bitrate": coder.bitrate(len(cases))} if coder else {},
        tools={"recogniser": ear.name} if ear else {},
        settings=settings | {"language": language, "device": device},
        missing=missing,
    )

    def sounds(index: int) -> dict[str, Audio]:
        original, back, _ = _both(cases[index], coder)
        return {
            name: Audio(wave(RATE)[None], RATE) for name, wave in (("clip", back), ("original", original))
        }

    return Evaluation(report, sounds)


class Coder:
    """A codec that counts its codes and its seconds."""

    def __init__(self, name: str, device: str):
        from maskaudio.codec.load import load_codec

        self.codec, self.device = load_codec(name, device), device
        self.rate = self.codec.sample_rate

    @torch.inference_mode()
    def pass_through(self, wave: np.ndarray) -> tuple[np.ndarray, dict[str, Part]]:
        """wave [N] at the codec's rate → what comes back [N], and real-time factors."""
        began = time.perf_counter()
        self.codes = self.codec.encode(torch.from_numpy(wave)[None, None].to(self.device))
        encoded = self._now()
        back = self.codec.decode(self.codes)[0].mean(0)[: len(wave)]
        decoded = self._now()
        seconds = len(wave) / self.rate
        parts = {"encode": (encoded - began, seconds), "decode": (decoded - encoded, seconds)}
        return back.float().cpu().numpy(), parts

    def counted(self) -> np.ndarray:
        """How often each code stood in the last clip, [K, vocab]."""
        rows = self.codes[0].cpu()
        return np.stack([torch.bincount(row, minlength=self.codec.vocab).numpy() for row in rows])

    def bitrate(self, clips: int) -> Figure:
        """kbit/s when every code of a stream costs the same."""
        bits = self.codes.shape[1] * math.log2(self.codec.vocab)
        return Figure(bits * self.codec.frame_rate / 1000, None, None, clips)

    def _now(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def usage(counts: np.ndarray) -> dict[str, Figure]:
    """Counts [clips, K, vocab] → for each stream the share of codes in use, and their perplexity."""
    clips, streams, _ = counts.shape
    figures = {}
    for stream in range(streams):
        own = counts[:, stream].astype(np.float64)
        whole, samples = own.sum(0), drawn(clips, DRAWS) @ own
        shares, used = samples / samples.sum(1, keepdims=True), (samples > 0).mean(1)
        figures[f"used.{stream + 1}"] = of_set(float((whole > 0).mean()), used, clips)
        value = float(_perplexity(whole / whole.sum()))
        figures[f"perplexity.{stream + 1}"] = of_set(value, _perplexity(shares), clips)
    return figures


def _perplexity(shares: np.ndarray) -> np.ndarray:
    """2 to the entropy in bits of shares [..., vocab]."""
    return 2 ** -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares))).sum(-1)


def _both(
    case: Case, coder: Coder | None
) -> tuple[Callable[[int], np.ndarray], Callable[[int], np.ndarray], dict[str, Part]]:
    """The original and what came back, [N] at the rate that is asked for, and what it cost."""
    if coder is None:
        return lambda rate: case.wave(rate, case.reference), case.wave, {}
    made, cost = coder.pass_through(case.wave(coder.rate))
    return case.wave, functools.partial(resample, made, coder.rate), cost


def _distances(missing: dict[str, str]) -> dict[str, tuple[int, Distance]]:
    """By measure, the rate it wants and how it is taken; nan where it has no value."""
    found: dict[str, tuple[int, Distance]] = {
        "mel": (RATE, lambda a, b: mel_distance(_tensor(a), _tensor(b)))
    }
    if auraloss := optional("auraloss", "multi-resolution STFT distance", ("stft",), missing):
        stft = auraloss.freq.MultiResolutionSTFTLoss()
        found["stft"] = (RATE, lambda a, b: float(stft(_tensor(b)[None], _tensor(a)[None])))
    if pesq := optional("pesq", "PESQ", ("pesq",), missing):
        found["pesq"] = (TELEPHONY, functools.partial(_pesq, pesq))
    if pystoi := optional("pystoi", "STOI", ("stoi",), missing):
        found["stoi"] = (TELEPHONY, functools.partial(_stoi, pystoi))
    if metrics := optional("torchmetrics.functional.audio", "SI-SDR", ("si_sdr",), missing):
        ratio = metrics.scale_invariant_signal_distortion_ratio
        found["si_sdr"] = (RATE, lambda a, b: float(ratio(torch.from_numpy(b), torch.from_numpy(a))))
    return found


def _pesq(package: Any, original: np.ndarray, back: np.ndarray) -> float:
    """nan where PESQ finds no speech, or less than a quarter of a second."""
    try:
        return float(package.pesq(TELEPHONY, original, back, "wb"))
    except (package.PesqError, ValueError):
        return math.nan


def _stoi(package: Any, original: np.ndarray, back: np.ndarray) -> float:
    """nan where less than 0.4 s of the original stand out: STOI says 1e-5 then, and warns."""
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        value = float(package.stoi(original, back, TELEPHONY))
    return math.nan if any("Not enough" in str(doubt.message) for doubt in doubts) else value


def _tensor(wave: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(wave)[None]
