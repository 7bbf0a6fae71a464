"""How well clips fit their captions: what a judge hears in them, how near they are to real recordings."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from maskaudio.audio import Audio, read_audio
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.evaluation.cases import Case, another, read_cases
from maskaudio.evaluation.judge import SAMPLE_RATE, Judge, load_judge
from maskaudio.evaluation.mel import mel_distance
from maskaudio.evaluation.packages import leave_out
from maskaudio.evaluation.report import CEILING, FLOOR, Evaluation, Scored, Watch, make_report
from maskaudio.evaluation.scores import Figure, Part, drawn, of_set

DRAWS = 100  # bootstrap samples of a Fréchet distance: each needs the singular values of a matrix


def evaluate_sound(
    manifest: str | Path,
    *,
    judge: str | Path | None = None,
    model: str = "sound",
    device: str = "auto",
    watch: Watch | None = None,
) -> Evaluation:
    """Judge the clips of a manifest (columns file, prompt, and perhaps labels, reference).

    judge: a file as `benchmarks.judge train` writes it, for labels and the Fréchet distance to the references
    on its embedding. model: the sound model whose ranker says how well clip and prompt fit; it is ours, and
    clips that were chosen by it look better to it. Ceiling: the references. Floor: each clip with the prompt,
    labels and reference of another. Raises UsageError for a bad row, or a label unknown to the judge.
    """
    cases = read_cases(Path(manifest), "sound")
    missing: dict[str, str] = {}
    ears = _Ears(judge, model, pick_device(device), missing)
    real = [case for case in cases if case.reference]
    if ears.judge:
        for case in cases:
            if unknown := set(case.labels) - set(ears.judge.labels):
                raise UsageError(f"line {case.line}: the judge does not know the label '{min(unknown)}'")
    elif any(case.labels for case in cases) or real:
        keys = ("top1", "top5", *(("frechet",) if real else ()))
        leave_out("labels and Fréchet distance", keys, "give a judge with --judge FILE", missing)
    done = iter(range(1, len(cases) + len(real) + 1))

    def listen(case: Case, path: Path) -> "_Impression":
        heard = ears.listen(case.wave(SAMPLE_RATE, path), case.wave(ears.rate, path))
        if watch:
            watch(next(done), len(cases) + len(real))
        return heard

    clips = [listen(case, case.file) for case in cases]
    references = {case: listen(case, case.reference) for case in real}
    parts = [
        ears.parts(heard, case) | _distance(case, case) for heard, case in zip(clips, cases, strict=True)
    ]
    columns = {}
    if real:
        columns[CEILING] = ("references", [ears.parts(heard, case) for case, heard in references.items()])
    if order := another([case.asked for case in cases], max(1, len(cases) // 2)):
        others = [cases[i] for i in order]
        floor = [
            ears.parts(heard, other) | _distance(case, other)
            for heard, case, other in zip(clips, cases, others, strict=True)
        ]
        columns[FLOOR] = ("another's prompt", floor)
    of_all = {}
    if ears.judge and min(len(clips), len(real)) > 1:
        embeddings = (np.stack([h.embedding for h in found]) for found in (clips, references.values()))
        of_all["frechet"] = frechet(*embeddings)
    scored = [
        Scored(c.name, c.asked, ", ".join(h.labels[:5]), p)
        for c, h, p in zip(cases, clips, parts, strict=True)
    ]
    report = make_report(
        "sound",
        Path(manifest),
        scored,
        columns,
        of_set=of_all,
        tools=ears.tools,
        settings={"device": ears.device},
        missing=missing,
    )

    def sounds(index: int) -> dict[str, Audio]:
        paths = {"clip": cases[index].file, "reference": cases[index].reference}
        return {name: read_audio(path) for name, path in paths.items() if path}

    return Evaluation(report, sounds)


def frechet(one: np.ndarray, other: np.ndarray, draws: int = DRAWS) -> Figure:
    """Fréchet distance of two sets of embeddings [n, D] and [m, D] as of Gaussians (arXiv 1812.08466).

    It hangs on how many clips there are: fewer look farther away. Compare sets of one size only.
    """
    value = _frechet(one, other, np.ones(len(one)), np.ones(len(other)))
    pairs = zip(drawn(len(one), draws), drawn(len(other), draws)[::-1], strict=True)
    samples = np.array([_frechet(one, other, *weights) for weights in pairs])
    return of_set(value, samples, min(len(one), len(other)))


def _frechet(one: np.ndarray, other: np.ndarray, times: np.ndarray, others: np.ndarray) -> float:
    """The same with every row counted so many times.

    With A and B the centred rows over √(n − 1), the covariances are AᵀA and BᵀB, and the trace of the root
    of their product is the sum of the singular values of ABᵀ: no need for a root of a [D, D] matrix.
    """
    means, roots = [], []
    for x, w in ((one.astype(np.float64), times), (other.astype(np.float64), others)):
        means.append(w @ x / w.sum())
        roots.append(np.sqrt(w / max(1.0, w.sum() - 1))[:, None] * (x - means[-1]))
    a, b = roots
    nuclear = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    squares = ((means[0] - means[1]) ** 2).sum() + (a**2).sum() + (b**2).sum()
    return float(max(0.0, squares - 2 * nuclear))


def _distance(case: Case, other: Case) -> dict[str, Part]:
    """Log-mel distance of a clip to the reference of a row."""
    if other.reference is None:
        return {}
    waves = (
        torch.from_numpy(w)[None] for w in (other.wave(SAMPLE_RATE, other.reference), case.wave(SAMPLE_RATE))
    )
    return {"mel": (mel_distance(*waves), 1.0)}


@dataclass(frozen=True, eq=False)
class _Impression:
    """What was heard in a clip: labels, likeliest first, the judge's embedding [D], and codes [1, K, T]."""

    labels: list[str]
    embedding: np.ndarray | None
    codes: torch.Tensor | None
    seconds: float


class _Ears:
    """A judge of labels, if there is one, and a sound model's ranker, if it has one."""

    def __init__(self, judge: str | Path | None, model: str, device: str, missing: dict[str, str]):
        from maskaudio.pipelines.sound_model import load

        self.judge: Judge | None = load_judge(Path(judge)) if judge else None
        self.sound = load(model, device)
        self.rate, self.device = self.sound.codec.sample_rate, device
        self.tools = {"ranker": self.sound.name} if self.sound.ranks else {}
        if judge:
            digest = hashlib.sha256(Path(judge).read_bytes()).hexdigest()[:12]
            self.tools["judge"] = f"{Path(judge).name} ({digest})"
        if not self.sound.ranks:
            leave_out(
                "text–audio score", ("fit",), f"{self.sound.name} has no ranker; try --model sound", missing
            )

    @torch.inference_mode()
    def listen(self, wave: np.ndarray, own: np.ndarray) -> _Impression:
        """wave [N] at 24 kHz, own [N] at the codec's rate."""
        labels, embedding = [], None
        if self.judge:
            ranked, embeddings = self.judge.hear(torch.from_numpy(wave)[None])
            labels, embedding = ranked[0], embeddings[0].numpy()
        codes = None
        if self.sound.ranks:
            codes = self.sound.codec.encode(torch.from_numpy(own)[None, None].to(self.device))
            codes = codes[:, : self.sound.transformer.streams]
        return _Impression(labels, embedding, codes, len(wave) / SAMPLE_RATE)

    def parts(self, heard: _Impression, case: Case) -> dict[str, Part]:
        """How well a clip fits the prompt and labels of a row."""
        parts = {"seconds": (heard.seconds, 1.0)}
        if heard.labels and case.labels:
            for k in (1, 5):
                parts[f"top{k}"] = (sum(x in heard.labels[:k] for x in case.labels) / len(case.labels), 1.0)
        if heard.codes is not None:
            parts["fit"] = (float(self.sound.fits(heard.codes, [case.asked])), 1.0)
        return parts
