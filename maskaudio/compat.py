"""torchaudio, whichever build of torch it meets."""

import importlib
import sys
import types


def load_torchaudio() -> types.ModuleType:
    """torchaudio, or its pure-PyTorch part where the compiled part does not fit the installed torch.

    torchaudio's last wheel is tied to one CUDA version; beside another torch its import fails, and with
    it that of encodec. Everything maskaudio needs of it is written in Python.
    """
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError:
        raise
    except (OSError, RuntimeError, ImportError):
        for name in [n for n in sys.modules if n.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_ALIGN_AVAILABLE = False
        stub._check_cuda_version = lambda: None
        stub.fail_if_no_align = lambda function: function
        sys.modules["torchaudio._extension"] = stub
        return importlib.import_module("torchaudio")
