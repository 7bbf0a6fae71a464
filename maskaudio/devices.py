"""Which processor to compute on, and in which numbers."""

from typing import Any

from maskaudio.errors import UsageError


def pick_device(wanted: str = "auto") -> str:
    """cpu, cuda or mps; "auto" takes the fastest there is. UsageError where the one asked for is not here."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    found = [name for name, here in there.items() if here]
    if wanted == "auto":
        return found[0]
    if wanted not in found:
        raise UsageError(f"device {wanted}: not on this machine (there is: {', '.join(found)})")
    return wanted


DTYPES = ("float32", "float16", "bfloat16")


def quick_dtype(device: str) -> str:
    """What our own networks compute in unless told: bfloat16 where a processor is made for it, or float32."""
    import torch

    if device == "cuda":
        quick = torch.cuda.is_bf16_supported()
    else:
        has = torch.cpu.get_capabilities() if device == "cpu" else {}
        quick = bool(has.get("avx512_bf16") or has.get("amx_bf16"))  # without them it is hopelessly slow
    return "bfloat16" if quick else "float32"


def pick_dtype(wanted: str | None, usual: str = "float32") -> Any:
    """The torch.dtype of a name, `usual` where none is wanted. UsageError for one that is not of DTYPES."""
    import torch

    if (wanted or usual) not in DTYPES:
        raise UsageError(f"dtype {wanted}: choose {', '.join(DTYPES)}")
    return getattr(torch, wanted or usual)
