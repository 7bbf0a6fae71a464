"""Playing a clip through the machine's loudspeaker."""

from typing import TYPE_CHECKING

from maskaudio.errors import MaskaudioError

if TYPE_CHECKING:
    from maskaudio.audio import Audio


def check_player() -> None:
    """Raise MaskaudioError without the package, its library, or a sound device: before any work is done."""
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


def play_audio(clip: "Audio") -> None:
    """Play `clip` and wait. Raises MaskaudioError where the device fails meanwhile."""
    import sounddevice

    try:
        sounddevice.play(clip.samples.T, clip.sample_rate, blocking=True)
    except sounddevice.PortAudioError as error:
        raise MaskaudioError(f"--play: {error}") from None
