"""maskaudio: words to sound files with a masked transformer over codec tokens.

    import maskaudio
    maskaudio.generate("rain on a tin roof", duration=4, seed=1).save("rain.wav")

Names are loaded when first used, so that importing maskaudio costs nothing.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskaudio.version import __version__

if TYPE_CHECKING:
    from maskaudio.audio import Audio
    from maskaudio.pipelines.speech import speak
    from maskaudio.pipelines.text_to_audio import generate

__all__ = ["Audio", "__version__", "generate", "speak"]

_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").is_file():  # a checkout: cli/ and models/ lie beside this folder
    __path__.append(str(_checkout))

_homes = {
    "Audio": "maskaudio.audio",
    "generate": "maskaudio.pipelines.text_to_audio",
    "speak": "maskaudio.pipelines.speech",
}


def __getattr__(name: str) -> Any:
    if name not in _homes:
        raise AttributeError(f"module 'maskaudio' has no attribute '{name}'")
    return getattr(import_module(_homes[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
