"""What a file says of how it was made."""

import hashlib

from maskaudio.version import __version__


def provenance(model: str, text: str, seed: int, **more: str) -> dict[str, str]:
    """Tags: that it is generated, by which version and model, the seed, and a hash of the text."""
    return {
        "generated": "yes",
        "software": f"maskaudio {__version__}",
        "model": model,
        "seed": str(seed),
        "prompt_sha256": hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16],
        **more,
    }
