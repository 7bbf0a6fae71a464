"""One training loop for every model: accelerate, EMA, clipping, and runs that really resume."""

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.utils.data
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from maskaudio.devices import pick_device, quick_dtype
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import write_file


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    steps: int
    lr: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    precision: str = "auto"  # fp32, bf16, or bf16 only where the processor is quick at it
    save_every: float = 180.0  # seconds
    validate_every: int = 500  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"steps: {self.steps}: train for 1 or more")

    def rate(self, step: int) -> float:
        """Learning rate: linear warm-up, then a cosine to a twentieth."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Task(Protocol):
    """What is trained: a module whose forward is its loss, and where its batches come from."""

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        """The batch of one step, a pure function of its arguments: so a resumed run sees the same data."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures on the validation clips, with the averaged weights."""

    def show(self, model: nn.Module, folder: Path) -> None:
        """Write sounds and pictures of what the model makes now."""


def train(
    module: nn.Module,
    task: Task,
    schedule: Schedule,
    run: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> dict[str, Tensor]:
    """Train `module` (forward(**batch) → {"loss": …, other figures}) and return its averaged weights.

    Writes to `run`: state.safetensors (every few minutes, atomically), log.jsonl, loss.png and a folder
    of samples. Steps are seeded by (seed, step), so that a resumed run continues the same curve.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs, set_seed

    device = pick_device(device)
    run.mkdir(parents=True, exist_ok=True)
    state_file, log_file = run / "state.safetensors", run / "log.jsonl"
    if state_file.exists() and not resume:
        raise MaskaudioError(f"{run} already holds a run: add --resume to go on, or name another folder")
    accelerator = Accelerator(
        mixed_precision=pick_precision(schedule.precision, device),
        cpu=device == "cpu",
        # a step asks one head only
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    set_seed(schedule.seed)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        _decayed(module, schedule.weight_decay), lr=schedule.lr, betas=(0.9, 0.98), fused=True
    )
    prepared, optimizer = accelerator.prepare(module, optimizer)
    average = {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}
    step = 0
    if state_file.exists():
        step = _restore(state_file, module, optimizer, average)
        if accelerator.is_main_process:
            _truncate(log_file, step)

    module.train()
    batches = _batches(task, step, schedule.steps, accelerator.process_index, device)
    saved = time.monotonic()
    started, first = time.monotonic(), step
    with (log_file if accelerator.is_main_process else Path(os.devnull)).open("a") as log:
        while step < schedule.steps:
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            batch = {k: v.to(accelerator.device, non_blocking=True) for k, v in next(batches).items()}
            torch.manual_seed(schedule.seed * 10**8 + step * 64 + accelerator.process_index)
            with accelerator.autocast():
                figures = prepared(**batch)
            accelerator.backward(figures["loss"])
            norm = accelerator.clip_grad_norm_(trained, schedule.clip)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            _average(average, module, min(schedule.ema, step / (step + 10)))
            done = {k: float(v.detach()) for k, v in figures.items()}
            if not math.isfinite(done["loss"]):
                raise MaskaudioError(f"the loss became {done['loss']} at step {step}: lower the lr")
            if step % 20 == 0:
                speed = (step - first) / (time.monotonic() - started)
                row = {"step": step, **done, "norm": float(norm), "steps_per_second": round(speed, 3)}
                log.write(json.dumps(row) + "\n")
                log.flush()
                if on_step:
                    on_step(step, done)
            last = step == schedule.steps
            if accelerator.is_main_process and (step % schedule.validate_every == 0 or last):
                with _averaged(module, average):
                    valid = {f"valid_{k}": v for k, v in task.validate(module).items()}
                    task.show(module, run / "samples" / f"{step:07d}")
                log.write(json.dumps({"step": step, **valid}) + "\n")
                log.flush()
                plot_losses(log_file, run / "loss.png")
                if on_step:
                    on_step(step, valid)
            if accelerator.is_main_process and (time.monotonic() - saved > schedule.save_every or last):
                _save(state_file, step, module, optimizer, average)
                saved = time.monotonic()
    return average


def _batches(task: Task, first: int, last: int, rank: int, device: str) -> Iterator[dict[str, Tensor]]:
    """The batches of steps first … last − 1; for a GPU they are made ahead, by half of the CPU's cores."""
    workers = min(8, (os.cpu_count() or 2) // 2) if device == "cuda" else 0
    steps = torch.utils.data.DataLoader(
        _Steps(task, last, rank),
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        pin_memory=device == "cuda",
    )
    return iter(steps)


@dataclass(frozen=True)
class _Steps(torch.utils.data.Dataset):
    """A task as a dataset: item i is the batch of step i, whichever worker makes it."""

    task: Task
    steps: int
    rank: int

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        return self.task.batch(step, self.rank)


def main_process_first(device: str) -> AbstractContextManager[None]:
    """Within: with several processes the first one writes files, the others wait and find them done."""
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu").main_process_first()


def pick_precision(wanted: str, device: str) -> str:
    """accelerate's name for `wanted`; "auto" is bf16 on a GPU or CPU with bf16 arithmetic, else fp32."""
    if wanted not in ("auto", "fp32", "bf16"):
        raise UsageError(f"precision '{wanted}': choose auto, fp32 or bf16")
    if wanted == "auto":
        wanted = {"bfloat16": "bf16", "float32": "fp32"}[quick_dtype(device)]
    return {"fp32": "no", "bf16": "bf16"}[wanted]


def plot_losses(log_file: Path, picture: Path) -> None:
    """Draw every figure of a log over its steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves: dict[str, list[tuple[int, float]]] = {}
    for line in log_file.read_text().splitlines():
        row = json.loads(line)
        step = row.pop("step")
        for name, value in row.items():
            if name not in ("norm", "steps_per_second"):
                curves.setdefault(name, []).append((step, value))
    figure, axes = pyplot.subplots(figsize=(9, 5))
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), label=name, lw=1)
    axes.set_xlabel("step")
    axes.legend(fontsize="small")
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)


def read_average(state_file: Path) -> dict[str, Tensor]:
    """The averaged weights of a run's state."""
    return _part(state_file, "average.")


def _decayed(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices, not gains, biases and embeddings of one row."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _average(average: dict[str, Tensor], module: nn.Module, keep: float) -> None:
    current = [p for p in module.parameters() if p.requires_grad]
    torch._foreach_lerp_(list(average.values()), [p.detach() for p in current], 1.0 - keep)


class _averaged:
    """Within: the module carries its averaged weights and is in eval mode."""

    def __init__(self, module: nn.Module, average: dict[str, Tensor]):
        self.module, self.average = module, average

    def __enter__(self) -> None:
        self._swap()
        self.module.eval()

    def __exit__(self, *_: object) -> None:
        self._swap()
        self.module.train()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad:
                mine = parameter.detach().clone()
                parameter.copy_(self.average[name])
                self.average[name].copy_(mine)


def _save(path: Path, step: int, module: nn.Module, optimizer: Any, average: dict[str, Tensor]) -> None:
    tensors = {f"model.{n}": p for n, p in module.named_parameters() if p.requires_grad}
    tensors |= {f"average.{n}": p for n, p in average.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
    tensors = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"step": str(step)})
    os.replace(part, path)


def _restore(path: Path, module: nn.Module, optimizer: Any, average: dict[str, Tensor]) -> int:
    with safe_open(path, "pt") as file:
        step = int(file.metadata()["step"])
    weights = _part(path, "model.")
    own = {n: p for n, p in module.named_parameters() if p.requires_grad}
    if weights.keys() != own.keys():
        odd = sorted(weights.keys() ^ own.keys())[0]
        raise MaskaudioError(f"{path} is from another recipe: '{odd}' is on one side only")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
    for name, value in _part(path, "average.").items():
        average[name].copy_(value)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(path, "optimizer.").items():
        index, moment = name.split(".")
        state.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return step


def _part(path: Path, prefix: str) -> dict[str, Tensor]:
    with safe_open(path, "pt") as file:
        names: Iterable[str] = file.keys()
        return {n.removeprefix(prefix): file.get_tensor(n) for n in names if n.startswith(prefix)}


def _truncate(log_file: Path, step: int) -> None:
    """Forget what was logged after the saved step: it will be logged again."""
    lines = log_file.read_text().splitlines() if log_file.exists() else []
    kept = [line for line in lines if _step(line) <= step]
    write_file(log_file, "".join(f"{line}\n" for line in kept).encode())


def _step(line: str) -> float:
    """The step of a line of the log; a line cut off by a kill is of no step."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf
