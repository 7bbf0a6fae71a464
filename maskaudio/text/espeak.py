"""espeak-ng as a library (the extra `espeak`; GPL-3): the second way to read a text, only when asked for."""

import ctypes
import re
import threading
from functools import lru_cache
from typing import Any

from maskaudio.errors import MaskaudioError
from maskaudio.text.phones import from_espeak

_VOICES = {"en-us": b"en-us", "en-gb": b"en"}
_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_UTF8, _IPA_TIED = 1, 0x02 | 0x80 | ord("^") << 8
_CLAUSE = re.compile(r"\s*([,.!?;:]+)(?=\s|$)\s*")
LOCK = threading.Lock()  # the library speaks with one voice at a time


def read(text: str, language: str) -> str:
    """Normalised text as symbols of the inventory, clause by clause, as the training corpus was read.

    A space at either end stays. Raises MaskaudioError where the extra `espeak` is not installed.
    """
    library = load()
    with LOCK:
        if library.espeak_SetVoiceByName(_VOICES[language]) != 0:
            raise MaskaudioError(f"espeak-ng has no voice for {language}; install espeakng-loader again")
        clauses = _CLAUSE.split(text)
        said = [_clause(library, clause) for clause in clauses[::2]]
    pauses = [pause[-1] for pause in clauses[1::2]] + [""]
    read = "".join(f"{from_espeak(s, language)}{p} " for s, p in zip(said, pauses, strict=True))
    before, after = (" " if text[at].isspace() else "" for at in (slice(1), slice(-1, None)))
    return f"{before}{read.strip()}{after}"


@lru_cache(maxsize=1)
def load() -> Any:
    """The library, started. Raises MaskaudioError where it is not there or its data cannot be read."""
    try:
        import espeakng_loader
    except ImportError:
        raise MaskaudioError(
            "engine 'espeak' is not installed: pip install 'maskaudio[espeak]', or leave --engine out"
        ) from None
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
    except (OSError, RuntimeError) as error:
        raise MaskaudioError(f"espeak-ng cannot be loaded ({error}); install espeakng-loader again") from None
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT) < 0:
        raise MaskaudioError("espeak-ng cannot read its data; install espeakng-loader again")
    return library


def _clause(library: Any, text: str) -> str:
    """IPA with ties of one clause; espeak may cut it further and then gives it piece by piece."""
    left = ctypes.c_char_p(text.replace("\0", " ").encode())
    said = []
    while left.value:
        said.append((library.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA_TIED) or b"").decode())
    return re.sub(r"\([a-z-]+\)", "", " ".join(said))  # (fr): a word it reads in another language
