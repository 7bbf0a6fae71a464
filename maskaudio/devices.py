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


def pick_dtype(wanted: str | None, usual: str = "float32") -> Any:
    """The torch.dtype of a name, `usual` where none is wanted. UsageError for one that is not of DTYPES."""
    import torch

    if (wanted or usual) not in DTYPES:
        raise UsageError(f"dtype {wanted}: choose {', '.join(DTYPES)}")
    return getattr(torch, wanted or usual)


def own_dtype(wanted: str | None) -> None:
    """Raise UsageError where a model of ours is asked to compute in anything but float32."""
    if wanted not in (None, "float32"):
        raise UsageError(f"dtype {wanted}: our own models compute in float32; --dtype is for published ones")
