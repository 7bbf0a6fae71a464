"""Seconds of one step of MaskGCT at its true size, beside Amphion's, and of a whole decode by them.

python -m benchmarks.published_maskgct [--threads 1] [--repeats 3] [--dtype float32] [--json FILE]

Weights are random (speed does not know), 3 GB of memory for the first network and 2.7 GB for the second ones.
A guided step is one pass with the prompt and one without, head and choice of the likeliest codes included.
The cheap decode is that of `speak --steps 28 --guidance 1`.
Amphion's figures are of one thread of an AMD EPYC with AVX-512, torch 2.13, float32, the same lengths.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from maskaudio.decoding.samplers import probabilities
from maskaudio.devices import DTYPES
from maskaudio.networks.maskgct import (
    AcousticConfig,
    SemanticToAcoustic,
    SemanticToAcousticConfig,
    TextToSemantic,
    TextToSemanticConfig,
)
from maskaudio.published.amphion import likeliest

AMPHION = {"text to semantic": 10.8, "semantic to acoustic": 4.49}  # seconds a guided step, one thread
PHONES, PROMPT, TARGET = 120, 150, 250  # 3 s of prompt and 5 s to say
Steps = tuple[Callable[[], object], Callable[[], object]]  # guided, and without
GUIDE = 3.5, 0.75
STEPS = {"text to semantic": 25, "semantic to acoustic": 45}  # of a whole decode, all guided
CHEAP = {"text to semantic": 8, "semantic to acoustic": 20}  # none guided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="The median of so many steps counts.")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--json", help="Also write the figures to this file.")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.set_grad_enabled(False)
    dtype = getattr(torch, asked.dtype)
    rows, whole, cheap = [], 0.0, 0.0
    for name, prepare in (("text to semantic", text_step), ("semantic to acoustic", sound_step)):
        guided, alone = prepare(dtype)
        seconds, single = median_seconds(guided, asked.repeats), median_seconds(alone, asked.repeats)
        whole += STEPS[name] * seconds
        cheap += CHEAP[name] * single
        rows.append(
            {
                "network": name,
                "seconds": seconds,
                "unguided": single,
                "amphion": AMPHION[name],
                "threads": asked.threads,
                "dtype": asked.dtype,
            }
        )
        print(
            f"{name:<21} {seconds:6.2f} s a guided step on {asked.threads} threads in {asked.dtype};"
            f" Amphion, one thread: {AMPHION[name]:.2f} s ({AMPHION[name] / seconds:.2f} times as fast)",
            flush=True,
        )
    amphion = sum(STEPS[name] * AMPHION[name] for name in STEPS)
    print(
        f"five seconds of speech: Amphion {amphion:.0f} s; here {whole:.0f} s, {amphion / whole:.2f} times"
        f" as fast; cheap {cheap:.0f} s, {amphion / cheap:.2f} times"
    )
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)


def text_step(dtype: torch.dtype) -> Steps:
    """A step of the first network."""
    network = random_weights(TextToSemantic, TextToSemanticConfig(), dtype)
    told = network.condition(torch.randint(0, 363, (1, PHONES)), PROMPT)
    return step(network, torch.randint(0, network.vocab, (1, 1, PROMPT + TARGET)), 0, told)


def sound_step(dtype: torch.dtype) -> Steps:
    """A step of the second ones; all stages cost the same."""
    config = SemanticToAcousticConfig(AcousticConfig(streams=1), AcousticConfig())
    network = random_weights(SemanticToAcoustic, config, dtype)
    told = network.condition(torch.randint(0, config.full.semantic, (1, PROMPT + TARGET)), PROMPT)
    return step(network, torch.randint(0, network.vocab, (1, network.streams, PROMPT + TARGET)), 1, told)


def step(
    network: TextToSemantic | SemanticToAcoustic, codes: torch.Tensor, stage: int, told: object
) -> Steps:
    """The step as the decode loop takes it, with everything behind the prompt still hidden."""
    codes[:, stage:, PROMPT:] = network.vocab
    cells = torch.zeros(1, PROMPT + TARGET, dtype=torch.bool)
    cells[:, PROMPT:] = True
    both = network.join(told, network.nothing(told))

    def guided() -> torch.Tensor:
        twice = torch.cat([codes, codes]), stage, both, torch.cat([cells, cells])
        return probabilities(network.logits(*twice, guide=GUIDE), 0.9, top_k=likeliest(network.vocab))

    def alone() -> torch.Tensor:
        return probabilities(network.logits(codes, stage, told, cells), 0.9, top_k=likeliest(network.vocab))

    return guided, alone


def random_weights(cls: type, config: object, dtype: torch.dtype) -> nn.Module:
    """A network of small random numbers, never held twice."""
    with torch.device("meta"):
        network = cls(config)
    network = network.to(dtype).to_empty(device="cpu").eval()
    for tensor in network.parameters():
        tensor.uniform_(-0.03, 0.03)
    return network


def median_seconds(once: Callable[[], object], repeats: int) -> float:
    """After one that warms up."""
    once()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        once()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
