"""Which runtime carries the networks fastest on a CPU, and what that costs in start-up and exactness?

python -m benchmarks.runtimes [--rounds 7] [--threads 2] [--only PART …] [--without RUNTIME …]

The parts of `generate` and `speak`, each at the shape it has for ten seconds of sound, in PyTorch (float32,
bf16 autocast, Linear layers in int8, torch.compile) and as graphs of ONNX Runtime and OpenVINO, where those
are installed (pip install onnx onnxscript onnxruntime openvino). A round runs every runtime once, in turn;
medians. Off is the largest difference to float32 over its largest value. Ready is what comes before the
first answer.
"""

import argparse
import copy
import importlib.util
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.tables import table

FRAMES = 250  # ten seconds
Call = Callable[[], list[Tensor]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=PARTS, metavar="PART")
    parser.add_argument("--without", nargs="*", default=[], choices=RUNTIMES, metavar="RUNTIME")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")  # of tracers, about branches that one shape never takes
    logging.disable(logging.WARNING)
    for name in args.only:
        module, given = PARTS[name]()
        print(f"\n{name}\n")
        print(table(["runtime", "ms", "times float32", "off", "ready, s"], raced(module, given, args)))


def raced(module: nn.Module, given: tuple[Tensor, ...], args: argparse.Namespace) -> list[list[str]]:
    """A row for every runtime that is here and can carry `module`."""
    want, calls, ready, rows = flat(module(*given)), {}, {}, []
    for name, make in RUNTIMES.items():
        if name in args.without:
            continue
        began = time.perf_counter()
        try:
            calls[name] = make(module, given, args.threads)
            calls[name]()
        except Missing as error:
            rows.append([name, str(error), "", "", ""])
            calls.pop(name, None)
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:60]
            rows.append([name, f"cannot carry it ({reason})", "", "", ""])
            calls.pop(name, None)
        ready[name] = time.perf_counter() - began
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    usual = statistics.median(taken["float32"])
    done = []
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        pairs = zip(calls[name](), want, strict=False)
        off = max(float((a.float() - b.float()).abs().max() / b.float().abs().max()) for a, b in pairs)
        done.append(
            [name, f"{1e3 * median:.1f}", f"{usual / median:.2f}", f"{off:.1e}", f"{ready[name]:.1f}"]
        )
    return done + rows


class Missing(Exception):
    """A runtime that is not installed."""


def flat(made: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return [made] if isinstance(made, Tensor) else list(made)


def eager(module: nn.Module, given: tuple[Tensor, ...], threads: int) -> Call:
    return lambda: flat(module(*given))


def bf16(module: nn.Module, given: tuple[Tensor, ...], threads: int) -> Call:
    def call() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return flat(module(*given))

    return call


def int8(module: nn.Module, given: tuple[Tensor, ...], threads: int) -> Call:
    from torch.ao.quantization import quantize_dynamic

    return eager(quantize_dynamic(copy.deepcopy(module), {nn.Linear}), given, threads)


def compiled(module: nn.Module, given: tuple[Tensor, ...], threads: int) -> Call:
    made = torch.compile(copy.deepcopy(module))
    return lambda: flat(made(*given))


def onnx_runtime(module: nn.Module, given: tuple[Tensor, ...], threads: int, quantised: bool = False) -> Call:
    need("onnxruntime", "onnx", "onnxscript")
    import onnxruntime

    folder = tempfile.mkdtemp()
    path = str(Path(folder) / "part.onnx")
    torch.onnx.export(module, given, path, dynamo=True, verbose=False, external_data=False)
    if quantised:
        from onnxruntime.quantization import quantize_dynamic

        quantize_dynamic(path, path.replace("part", "small"))
        path = path.replace("part", "small")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    feed = dict(zip(names, (g.numpy() for g in given), strict=False))
    return lambda: [torch.from_numpy(a) for a in session.run(None, feed)]


def openvino(module: nn.Module, given: tuple[Tensor, ...], threads: int, precision: str = "f32") -> Call:
    need("openvino")
    import openvino as ov

    graph = ov.convert_model(module, example_input=given)
    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    made = core.compile_model(graph, "CPU", settings | {"PERFORMANCE_HINT": "LATENCY"})
    feed = [g.numpy() for g in given]
    return lambda: [torch.from_numpy(a) for a in made(feed).values()]


RUNTIMES: dict[str, Callable[..., Call]] = {
    "float32": eager,
    "bf16 autocast": bf16,
    "int8 Linear": int8,
    "torch.compile": compiled,
    "ONNX Runtime": onnx_runtime,
    "ONNX Runtime int8": lambda *told: onnx_runtime(*told, quantised=True),
    "OpenVINO": openvino,
    "OpenVINO bf16": lambda *told: openvino(*told, precision="bf16"),
}


def need(*packages: str) -> None:
    """Raise Missing for the first that is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise Missing(f"not installed: {package}")


class Step(nn.Module):
    """One pass of a masked transformer over a guidance pair, its condition fixed: codes → features."""

    def __init__(self, transformer: nn.Module, stage: int, condition: object):
        super().__init__()
        self.transformer, self.stage, self.condition = transformer, stage, condition

    def forward(self, codes: Tensor) -> Tensor:
        return self.transformer(codes, self.stage, self.condition)


def sound_step(stage: int, rows: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    from maskaudio.pipelines.sound_model import load

    sound = load("sound", "cpu")
    condition = sound.condition(["rain on a tin roof"] * rows)
    network = sound.transformer
    codes = torch.full((rows, network.streams, FRAMES), network.vocab)
    codes[:, :stage] = torch.randint(network.vocab, (rows, stage, FRAMES))
    return Step(network, stage, condition).eval(), (codes,)


def speech_step() -> tuple[nn.Module, tuple[Tensor, ...]]:
    from maskaudio.pipelines.speech_model import load

    network = load("speech", "cpu").network
    asked = torch.randn(2, FRAMES, network.config.dim)
    codes = torch.full((2, 1, FRAMES), network.semantic.vocab)
    return Step(network.semantic, 0, network.text_condition(asked)).eval(), (codes,)


def text_encoder() -> tuple[nn.Module, tuple[Tensor, ...]]:
    from maskaudio.pipelines.sound_model import load

    encoder = load("sound", "cpu").network.text
    return encoder, (torch.randn(2, 12, encoder.config.table_dim), torch.ones(2, 12, dtype=torch.bool))


class Mels(nn.Module):
    """Codes → log-mel → log-magnitudes: the codec's decoder without the search for phases."""

    def __init__(self, codec: nn.Module):
        super().__init__()
        self.codec = codec

    def forward(self, codes: Tensor) -> Tensor:
        return self.codec.vocoder.log_magnitude(self.codec.decode_mel(codes))[0]


def codec_networks() -> tuple[nn.Module, tuple[Tensor, ...]]:
    from maskaudio.codec.load import load_codec

    codec = load_codec("codec")
    return Mels(codec).eval(), (torch.randint(codec.vocab, (1, codec.streams, FRAMES)),)


def phases() -> tuple[nn.Module, tuple[Tensor, ...]]:
    from maskaudio.codec.load import load_codec

    codec = load_codec("codec")
    return codec.vocoder.phases, (torch.rand(1, codec.config.n_fft // 2 + 1, 4 * FRAMES),)


PARTS: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "text": text_encoder,
    "sound, first stream, guided": lambda: sound_step(0, 2),
    "sound, a later stream": lambda: sound_step(2, 1),
    "speech, what is said, guided": speech_step,
    "codec, networks": codec_networks,
    "codec, phases": phases,
}

if __name__ == "__main__":
    main()
