"""`maskaudio doctor`: is everything here that is needed, and does it make a sound?"""

import json
import os
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from maskaudio.cli import options
from maskaudio.errors import MaskaudioError

if TYPE_CHECKING:
    from maskaudio.audio import Audio

PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "soundfile",
    "safetensors",
    "tokenizers",
    "typer",
    "rich",
    "hibari-tts",
)
OPTIONAL = ("accelerate", "sounddevice", "encodec", "librosa", "espeakng-loader")


def doctor(
    as_json: options.Json = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    debug: options.Debug = False,
) -> int:
    """Show versions, devices and models, and make half a second of sound and a word as a test."""
    options.set_up(threads=threads)
    report = {
        "versions": _versions(),
        "devices": _devices(),
        "models": _models(),
        "self-test": _self_test(device.value),
    }
    failed = [f"{part}.{name}" for part in report for name, value in report[part].items() if _is_bad(value)]
    if as_json:
        print(json.dumps(report | {"failed": failed}, indent=2))
    else:
        for part, values in report.items():
            print(part)
            for name, value in values.items():
                print(f"  {name:<14} {value}")
    if failed:
        options.say(f"not in order: {', '.join(failed)}")
    return 1 if failed else 0


def _is_bad(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("FAILED")


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    from maskaudio import __version__

    found = {"maskaudio": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES + OPTIONAL:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed (optional)" if name in OPTIONAL else "FAILED: not installed"
    return found


def _devices() -> dict[str, str]:
    import torch

    cpu = torch.backends.cpu.get_cpu_capability()
    found = {"cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {cpu}"}
    for index in range(torch.cuda.device_count()):
        found[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return found


def _models() -> dict[str, str]:
    from maskaudio.checkpoints.registry import home, list_models

    found = {
        info.name: f"FAILED: {info.problem}" if info.problem else f"{info.kind}, {info.bytes / 1e6:.1f} MB"
        for info in list_models()
    }
    return found | {"(local folder)": str(home() / "models")}


def _self_test(device: str) -> dict[str, str]:
    def generate() -> "Audio":
        from maskaudio.pipelines import text_to_audio

        return text_to_audio.generate("rain", duration=0.5, seed=0, device=device)

    def speak() -> "Audio":
        from maskaudio.pipelines import speech

        return speech.speak("Hello.", seed=0, device=device)

    from maskaudio.checkpoints.registry import list_models

    kinds = {info.kind for info in list_models()}
    makers = {"sound": ("generate", generate), "speech": ("speak", speak)}
    return {name: _try(make) for kind, (name, make) in makers.items() if kind in kinds or kind == "sound"}


def _try(make: "Callable[[], Audio]") -> str:
    started = time.perf_counter()
    try:
        clip = make()
    except MaskaudioError as error:
        return f"FAILED: {error}"
    except Exception as error:  # a doctor reports what is broken; it does not break with it
        if options.debugging:
            raise
        return f"FAILED: {type(error).__name__}: {error}"
    took = time.perf_counter() - started
    if not abs(clip.samples).max() > 0:
        return "FAILED: the clip is silent"
    return f"ok: {clip.duration:.1f} s of sound in {took:.1f} s, loading included"
