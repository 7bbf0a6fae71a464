"""Playing sound through the machine's loudspeaker while more of it is being made."""

import queue
import threading
from typing import TYPE_CHECKING

from maskaudio.errors import MaskaudioError

if TYPE_CHECKING:
    import numpy as np


class Player:
    """Plays what is added, one piece after the other, in the background.

    Raises MaskaudioError without the package, its library, or a sound device: before any work is done.
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except ModuleNotFoundError:
            raise MaskaudioError("--play needs the package sounddevice: pip install sounddevice") from None
        except OSError as error:  # the package is there, the PortAudio library is not
            raise MaskaudioError(f"--play: {error}; install PortAudio") from None
        try:
            sounddevice.check_output_settings()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise MaskaudioError(f"--play: no usable sound device ({error})") from None
        self.waiting: queue.Queue = queue.Queue()
        self.problem: Exception | None = None
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def add(self, wave: "np.ndarray", sample_rate: int) -> None:
        """Play wave [N] after what is waiting."""
        self.waiting.put((wave, sample_rate))

    def finish(self) -> None:
        """Wait for the end. Raises MaskaudioError where the device failed meanwhile."""
        self.waiting.put(None)
        self.thread.join()
        if self.problem:
            raise MaskaudioError(f"--play: {self.problem}")

    def _play(self) -> None:
        import sounddevice

        while (piece := self.waiting.get()) is not None:
            try:
                sounddevice.play(*piece, blocking=True)
            except sounddevice.PortAudioError as error:
                self.problem = error
                return
