"""MAGNeT-medium in its true size: 1.8 billion random weights, from a folder to a step of the decode loop.

It takes 4 GB of disk, up to 9 GB of memory and minutes, so only where MASKAUDIO_LARGE=1 asks for it.
"""

import os
import resource
import subprocess
import sys
import time

import pytest
import torch

from maskaudio.checkpoints.folder import build, save_model
from maskaudio.networks.magnet import MagnetConfig, MagnetNetwork

SHAPE = {"streams": 4, "vocab": 2048, "text_dim": 768, "frames": 500}
MEDIUM = MagnetConfig(dim=1536, layers=48, heads=24, feed=6144, **SHAPE)
LIMIT = 24e9  # bytes
WORDS = 16  # word pieces in a prompt


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("MASKAUDIO_LARGE") != "1", reason="set MASKAUDIO_LARGE=1 to run it")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_medium_network_steps_within_24_gigabytes(dtype, tmp_path):
    for task in ("write", "step"):  # each in a process of its own, that what it takes can be told
        done = subprocess.run(
            [sys.executable, "-m", "tests.published.test_magnet_size", task, str(tmp_path / "model"), dtype],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)


def write(folder, dtype):
    """A model folder of random weights in half precision, as they are published."""
    torch.manual_seed(0)
    with torch.device("meta"):
        own = MagnetNetwork(MEDIUM).state_dict()
    weights = {name: (0.02 * torch.randn(t.shape)).half() for name, t in own.items()}
    save_model(folder, "magnet", MEDIUM, weights, compact=False)


def step(folder, dtype):
    """Load it, and ask it for the first step of the first and the second stage, guided."""
    began = time.perf_counter()
    network = build(MagnetNetwork, MagnetConfig, folder, "magnet", getattr(torch, dtype))
    print(f"loaded in {time.perf_counter() - began:.1f} s")
    with torch.inference_mode():
        told = network.condition(torch.randn(1, WORDS, 768), torch.ones(1, WORDS, dtype=torch.bool))
        both = network.transformer.join(told, network.nothing(1))
        codes = torch.full((2, 4, MEDIUM.frames), MEDIUM.vocab)
        cells = torch.ones(2, MEDIUM.frames, dtype=torch.bool)
        for stage in (0, 1):
            began = time.perf_counter()
            logits = network.transformer.logits(codes, stage, both, cells)
            assert logits.isfinite().all() and logits.shape == (2 * MEDIUM.frames, 1, MEDIUM.vocab)
            print(f"stage {stage}: {time.perf_counter() - began:.1f} s a step")


if __name__ == "__main__":
    from pathlib import Path

    {"write": write, "step": step}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{sys.argv[1]} {sys.argv[3]}: {peak / 1e9:.2f} GB at most")
    assert peak < LIMIT
