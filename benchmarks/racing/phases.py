"""Where the time of `generate` and `speak` goes: seconds by phase, each without the phases within it."""

import functools
import importlib
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

REST = "everything else"
_SPEECH = "maskaudio.pipelines.speech"
PLACES = (  # where a phase is: a module, what of it, and what the phase is called ({}: the stage)
    ("maskaudio.pipelines.text_to_audio", "_warn_of_the_unfamiliar", "is the prompt familiar"),
    ("maskaudio.pipelines.sound_model", "SoundModel.condition", "text encoder"),
    (_SPEECH, "read_script", "text → phones"),
    (_SPEECH, "units", "text → phones"),
    (_SPEECH, "unit_features", "text encoder"),
    (_SPEECH, "unit_frames", "durations"),
    (_SPEECH, "what_is_asked", "durations"),
    ("maskaudio.pipelines.saying", "speak_tokens", "drawing and choosing"),
    ("maskaudio.pipelines.saying", "normalise", "loudness"),
    ("maskaudio.networks.speech", "SpeechNetwork.voice_of", "voice"),
    ("maskaudio.networks.transformer", "MaskedTransformer.logits", "transformer, {}"),
    ("maskaudio.pipelines.filling", "decode", "drawing and choosing"),
    ("maskaudio.pipelines.speech_model", "decode", "drawing and choosing"),
    ("maskaudio.codec.neural", "NeuralCodec.decode_mel", "codec: tokens → mel"),
    ("maskaudio.codec.vocoder", "Vocoder.log_magnitude", "codec: mel → magnitudes"),
    ("maskaudio.codec.stft", "GriffinLim.forward", "codec: phases (Griffin-Lim)"),
)


def phases(call: Callable[[], Any]) -> dict[str, float]:
    """Seconds of a call by phase, in the order in which they are first entered."""
    clock = Clock()
    with ExitStack() as patches:
        for module, name, phase in PLACES:
            owner: Any = importlib.import_module(module)
            *outer, name = name.split(".")
            for part in outer:
                owner = getattr(owner, part)
            patches.enter_context(patch.object(owner, name, _timed(getattr(owner, name), clock, phase)))
        with clock.phase(REST):
            call()
    spent = dict(clock.spent)
    return {name: s for name, s in spent.items() if name != REST} | {REST: spent[REST]}


class Clock:
    """Time by the innermost phase that is open."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.open: list[str] = []
        self.last = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time within is this phase's, but for other phases within."""
        self._turn()
        self.open.append(name)
        try:
            yield
        finally:
            self._turn()
            self.open.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        if self.open:
            self.spent[self.open[-1]] += now - self.last
        self.last = now


def _timed(function: Callable[..., Any], clock: Clock, phase: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with clock.phase(_named(phase, args)):
            made = function(*args, **kwargs)
        return _in_steps(made, clock, phase) if isinstance(made, types.GeneratorType) else made

    return timed


def _named(phase: str, args: tuple[Any, ...]) -> str:
    """The name of a transformer's phase: its stage is the third argument, after itself and the codes."""
    if "{}" not in phase:
        return phase
    network, _, stage = args[:3]
    return phase.format("semantic" if network.streams == 1 else f"stage {stage + 1}")


def _in_steps(items: Iterator[Any], clock: Clock, phase: str) -> Iterator[Any]:
    """A generator whose every step is the phase's."""
    end = object()
    while True:
        with clock.phase(phase):
            item = next(items, end)
        if item is end:
            return
        yield item
