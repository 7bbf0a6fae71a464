"""Which processor to compute on."""

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
