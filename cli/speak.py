"""`maskaudio speak`: text to speech in a voice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.cli.making import Delivering, numbers
from maskaudio.cli.options import with_options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.audio import Audio
    from maskaudio.pipelines.speech import Utterance


@dataclass(frozen=True)
class Speaking(Delivering):
    """The options of `speak`: how a text is said, too."""

    voice: Annotated[
        str | None,
        options.option(
            "--voice", help="A voice's name (see 'voices list') or a clip of 2 to 30 s. [default: the first]"
        ),
    ] = None
    voice_text: Annotated[
        str | None, options.option("--voice-text", help="All that the clip says; makes --speed voice exact.")
    ] = None
    language: Annotated[
        str | None,
        options.option("--language", help="en-us or en-gb; MaskGCT: en, de, fr, ko. [default: the voice's]"),
    ] = None
    voice_language: Annotated[
        str | None, options.option("--voice-language", help="Of --voice-text, where it is not --language.")
    ] = None
    engine: Annotated[
        str, options.option("--engine", help="What reads the text: lexicon, or espeak where installed.")
    ] = "lexicon"
    speed: Annotated[
        str, options.option("--speed", help="Pace, 0.3 to 3: 1.2 is faster; 'voice' is the clip's own.")
    ] = "1"
    duration: Annotated[
        float | None,
        options.option("-d", "--duration", help="Seconds that all of it shall take, in place of --speed."),
    ] = None
    pronunciations: Annotated[
        Path | None,
        options.option("--pronunciations", help="A file of words and how they are said: nginx  ˈɛndʒɪnˈɛks"),
    ] = None
    model: Annotated[str, options.option("-m", "--model", help="A model's name or folder.")] = "speech"
    steps: Annotated[
        str | None,
        options.option("--steps", help="Reveals of words and of coarse sound, or per stage: 2,6,1."),
    ] = None
    guidance: Annotated[
        float | None, options.option("--guidance", help="How closely to follow the text; 1 = no guidance.")
    ] = None
    temperature: options.Temperature = None
    top_p: options.TopP = None
    candidates: Annotated[
        int,
        options.option("--candidates", min=1, max=64, help="Make each sentence N times, keep the clearest."),
    ] = 1
    dtype: options.Dtype = None

    def settings(self) -> dict[str, Any]:
        """What the library is told."""
        from maskaudio.text.script import read_pronunciations

        ways = ("voice", "voice_text", "language", "voice_language", "engine", "duration", "model")
        ways += ("guidance", "temperature", "top_p", "candidates", "dtype")
        words = read_pronunciations(self.pronunciations) if self.pronunciations else None
        told = {"speed": _speed(self.speed), "pronunciations": words}
        told["steps"] = numbers("steps", self.steps, int)
        return super().settings() | {k: getattr(self, k) for k in ways} | told


@with_options
def speak(
    speaking: Speaking,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to say; - reads all of stdin.")
    ] = None,
    file: Annotated[Path | None, options.option("--file", help="Say a file: text, .md or .html.")] = None,
    subtitles: Annotated[
        Path | None, options.option("--subtitles", help="Also write when what is said: .srt, .vtt or .json.")
    ] = None,
    play: Annotated[
        bool, options.option("--play", help="Play it while it is being made (needs sounddevice).")
    ] = False,
) -> None:
    """Say a text in a voice of ours, or in that of a short clip (2 to 30 s; 10 s of it are kept).

    In the text: [pause 500ms] or <break time="0.5s"/> for silence, [[həˈloʊ]] for sounds in IPA.

    A voice is a person's: use a clip only with the consent of whoever speaks in it.
    """
    speaking.check()
    script = read_text(text, file)
    seed = options.draw_seed() if speaking.seed is None else speaking.seed

    from maskaudio.cli.output import plan_targets
    from maskaudio.cli.playing import Player
    from maskaudio.cli.progress import live_sentences
    from maskaudio.cli.subtitles import check_subtitles, write_subtitles

    (target,) = plan_targets(speaking.out, speaking.format, script[:200], [seed])
    if subtitles:
        check_subtitles(subtitles)
    player = Player() if play else None
    speaking.set_up()

    from maskaudio.pipelines import speech

    said = speech.utterances(script, seed=seed, **speaking.settings())
    started = time.perf_counter()
    cues: list[dict[str, Any]] = []
    with live_sentences(not speaking.quiet) as show:
        done = speaking.stream(_heard(said, cues, show), target, started, player)
    more = {"voice": done.tags["voice"], "model": speaking.model, "sentences": len(cues)}
    if subtitles:
        more["subtitles"] = str(write_subtitles(subtitles, cues, overwrite=speaking.overwrite))
    speaking.report(done, target, seed, "speech", **more)
    if player:
        player.finish()


def _heard(
    said: "Iterator[Utterance]", cues: list[dict[str, Any]], show: Callable[[int, float], None]
) -> "Iterator[Audio]":
    """Each utterance with the pause behind it; what is said when is added to `cues`."""
    from maskaudio.audio import Audio

    seconds = 0.0
    for utterance in said:
        clip = Audio(utterance.with_pause(), utterance.audio.sample_rate, utterance.audio.tags)
        _add_cue(cues, utterance, seconds)
        seconds += clip.duration
        yield clip
        show(len(cues), seconds)


def _add_cue(cues: list[dict[str, Any]], utterance: "Utterance", start: float) -> None:
    """What is said from `start` on; a sentence without a text of its own goes on with the last one's."""
    words = [
        {"word": w, "start": round(start + a, 3), "end": round(start + b, 3)} for w, a, b in utterance.words
    ]
    end = round(start + utterance.audio.duration, 3)
    if utterance.sentence.text:
        cues.append({"text": utterance.sentence.text, "start": round(start, 3), "end": end, "words": words})
    elif cues and utterance.sentence.phones:
        cues[-1]["end"] = end


def read_text(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        raise UsageError('give the text, as in maskaudio speak "Hello there.", or --file, or - for stdin')
    if text == "-":
        return options.read_stdin()
    if file is None:
        return text
    from maskaudio.text.documents import prose

    try:
        text = options.read_file(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8 text") from None
    return prose(text.replace("\r\n", "\n").replace("\r", "\n"), file.suffix)


def _speed(value: str) -> float | None:
    """A factor; None for the voice's own pace."""
    if value == "voice":
        return None
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"--speed {value}: give a number such as 1.2, or 'voice'") from None
