"""How well clips say their texts: errors a recogniser makes, whose voice it is, how clean it sounds."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from maskaudio.audio import Audio, read_audio
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.evaluation.cases import Case, another, read_cases
from maskaudio.evaluation.packages import optional
from maskaudio.evaluation.recogniser import Ear, Phones, Whisper
from maskaudio.evaluation.report import CEILING, FLOOR, Evaluation, Scored, Watch, make_report
from maskaudio.evaluation.scores import Part
from maskaudio.text.phones import check_language

RATE = 16000  # Hz, what DNSMOS and Resemblyzer hear
DNSMOS = ("ovrl", "sig", "bak", "p808")


def evaluate_speech(
    manifest: str | Path,
    *,
    recogniser: str | Path | None = None,
    language: str = "en-us",
    device: str = "auto",
    watch: Watch | None = None,
) -> Evaluation:
    """Judge the clips of a manifest (columns file, and perhaps text, voice, speaker, reference).

    recogniser: a folder of faster-whisper's; without it phones are counted, by maskaudio's own tokeniser.
    Clips without a text have no errors. Ceiling: the references, measured alike. Floor: each text with the
    next clip of another, and each voice against those of other speakers. Raises UsageError for a bad row or
    folder.
    """
    check_language(language)
    cases = read_cases(Path(manifest), "speech")
    told = [case for case in cases if case.asked]
    if len(told) < len(cases):
        logging.getLogger("maskaudio").warning(
            "without a text, so without errors: %d clips", len(cases) - len(told)
        )
    device, missing = pick_device(device), {}
    ear = make_ear(recogniser, language, device, missing) if told else None
    expected = expect(ear, cases) if ear else {}
    clean = _cleanness(missing)
    voices = Voices(cases, device, missing) if any(case.voice for case in cases) else None
    real = [case for case in cases if case.reference]
    done = iter(range(1, len(cases) + len(real) + 1))

    def listen(case: Case, path: Path) -> tuple[str, dict[str, Part], dict[str, Part]]:
        """What is said in a file, its figures, and those that strangers' voices would have."""
        wave = case.wave(RATE, path)
        heard, parts = "", clean(wave)
        if case in expected:
            heard = ear.hear(case.wave(ear.rate, path))
            parts = ear.errors(expected[case], heard) | parts
        parts |= {"seconds": (len(wave) / RATE, 1.0), "silence": (silence(wave), 1.0)}
        own, strangers = voices.compare(case, wave) if voices else ({}, {})
        if watch:
            watch(next(done), len(cases) + len(real))
        return heard, parts | own, strangers

    heard, parts, strangers = zip(*(listen(case, case.file) for case in cases), strict=True)
    columns = {}
    if real:
        columns[CEILING] = ("references", [listen(case, case.reference)[1] for case in real])
    floor = [dict(found) for found in strangers]
    places = [i for i, case in enumerate(cases) if case in expected]
    if order := another([expected[case] for case in told]):
        for i, other in zip(places, order, strict=True):
            floor[i] |= ear.errors(expected[cases[i]], heard[places[other]])
    columns[FLOOR] = ("another's text, another's voice", floor)
    clips = [Scored(c.name, c.asked, h, p) for c, h, p in zip(cases, heard, parts, strict=True)]
    report = make_report(
        "speech",
        Path(manifest),
        clips,
        columns,
        tools={"recogniser": ear.name} if ear else {},
        settings={"language": language, "device": device},
        missing=missing,
    )

    def sounds(index: int) -> dict[str, Audio]:
        case = cases[index]
        paths = {"clip": case.file, "reference": case.reference, "voice": case.voice}
        return {name: read_audio(path) for name, path in paths.items() if path}

    return Evaluation(report, sounds)


def make_ear(recogniser: str | Path | None, language: str, device: str, missing: dict[str, str]) -> Ear:
    """Whisper where there is a folder of it, else our own tokeniser."""
    return Whisper(Path(recogniser), language, device) if recogniser else Phones(missing, language, device)


def expect(ear: Ear, cases: list[Case]) -> dict[Case, str]:
    """What should be heard in each clip that has a text. Raises UsageError where a text says nothing."""
    expected = {case: ear.expected(case.asked) for case in cases if case.asked}
    for case, words in expected.items():
        if not words:
            raise UsageError(f"line {case.line}: text '{case.asked[:40]}' holds nothing to say")
    return expected


def silence(wave: np.ndarray, rate: int = RATE) -> float:
    """Share of 10 ms frames of wave [N] more than 40 dB under the loudest, or under −80 dB of full scale."""
    hop = rate // 100
    frames = wave[: len(wave) // hop * hop].reshape(-1, hop)
    level = np.sqrt((frames.astype(np.float64) ** 2).mean(1))
    return float((level < max(level.max() / 100, 1e-4)).mean())


class Voices:
    """Whose voice it is: cosines of Resemblyzer's embeddings of clips and of the voices asked for."""

    def __init__(self, cases: list[Case], device: str, missing: dict[str, str]):
        self.package = optional("resemblyzer", "speaker similarity", ("similarity", "own_voice"), missing)
        self.voices: dict[Path, np.ndarray] = {}
        self.speaker = {case.voice: case.speaker for case in cases if case.voice}
        if self.package:
            self.encoder = self.package.VoiceEncoder(device, verbose=False)
            for case in cases:
                if case.voice and case.voice not in self.voices:
                    self.voices[case.voice] = self._embed(case.wave(RATE, case.voice))

    def compare(self, case: Case, wave: np.ndarray) -> tuple[dict[str, Part], dict[str, Part]]:
        """Similarity of wave [N] to the voice of its row, and the mean of that to other speakers'."""
        asked = self.voices.get(case.voice)
        heard = self._embed(wave) if asked is not None else None
        if heard is None or asked is None:
            return {}, {}
        own = float(heard @ asked)
        others = [
            float(heard @ voice)
            for path, voice in self.voices.items()
            if voice is not None and self.speaker[path] != self.speaker[case.voice]
        ]
        if not others:
            return {"similarity": (own, 1.0)}, {}
        first = {"similarity": (own, 1.0), "own_voice": (float(own > max(others)), 1.0)}
        return first, {"similarity": (float(np.mean(others)), 1.0)}

    def _embed(self, wave: np.ndarray) -> np.ndarray | None:
        """The embedding [256], of length 1, of wave [N] without its pauses; None of silence."""
        if abs(wave).max() < 1e-4:
            return None
        spoken = self.package.preprocess_wav(wave, source_sr=RATE)
        if len(spoken) < RATE // 2:  # hardly anything is speech: take it as it is, a second at least
            spoken = np.pad(wave, (0, max(0, RATE - len(wave))))
        return self.encoder.embed_utterance(spoken)


def _cleanness(missing: dict[str, str]) -> Callable[[np.ndarray], dict[str, Part]]:
    """A function from wave [N] to its DNSMOS figures; nothing for what is shorter than 0.1 s."""
    dnsmos = optional("speechmos.dnsmos", "DNSMOS", DNSMOS, missing)

    def clean(wave: np.ndarray) -> dict[str, Part]:
        if dnsmos is None or len(wave) <= RATE // 10:
            return {}
        found = dnsmos.run(wave.clip(-1, 1), RATE)
        return {key: (float(found[f"{key}_mos"]), 1.0) for key in DNSMOS}

    return clean
