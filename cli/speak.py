"""`maskaudio speak`: text to speech in a voice."""

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskaudio.cli import options
from maskaudio.errors import UsageError

if TYPE_CHECKING:
    from maskaudio.pipelines.speech import Utterance


def speak(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to say; - reads all of stdin.")
    ] = None,
    file: Annotated[Path | None, options.option("--file", help="Say what stands in this text file.")] = None,
    out: options.Out = None,
    format: options.Format = None,
    voice: Annotated[
        str | None,
        options.option(
            "--voice", help="A voice's name (see 'voices list') or a clip of 2 to 30 s. [default: the first]"
        ),
    ] = None,
    voice_text: Annotated[
        str | None, options.option("--voice-text", help="All that the clip says; makes --speed voice exact.")
    ] = None,
    language: Annotated[
        str | None, options.option("--language", help="en-us or en-gb. [default: the voice's]")
    ] = None,
    engine: Annotated[
        str, options.option("--engine", help="What reads the text: lexicon, or espeak where installed.")
    ] = "lexicon",
    speed: Annotated[
        str, options.option("--speed", help="Pace, 0.3 to 3: 1.2 is faster; 'voice' is the clip's own.")
    ] = "1",
    duration: Annotated[
        float | None,
        options.option("-d", "--duration", help="Seconds that all of it shall take, in place of --speed."),
    ] = None,
    pronunciations: Annotated[
        Path | None,
        options.option("--pronunciations", help="A file of words and how they are said: nginx  ˈɛndʒɪnˈɛks"),
    ] = None,
    seed: options.Seed = None,
    model: Annotated[str, options.option("-m", "--model", help="A model's name or folder.")] = "speech",
    steps: Annotated[
        int | None, options.option("--steps", help="Reveals of what is said and of the coarse sound.")
    ] = None,
    guidance: Annotated[
        float | None, options.option("--guidance", help="How closely to follow the text; 1 = no guidance.")
    ] = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    candidates: Annotated[
        int,
        options.option("--candidates", min=1, max=64, help="Make each sentence N times, keep the clearest."),
    ] = 1,
    subtitles: Annotated[
        Path | None, options.option("--subtitles", help="Also write when what is said: .srt, .vtt or .json.")
    ] = None,
    play: Annotated[
        bool, options.option("--play", help="Play it while it is being made (needs sounddevice).")
    ] = False,
    no_tags: options.NoTags = False,
    overwrite: options.Overwrite = False,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Say a text in a voice of ours, or in that of a short clip (2 to 30 s; 10 s of it are kept).

    In the text: [pause 500ms] or <break time="0.5s"/> for silence, [[həˈloʊ]] for sounds in IPA.

    A voice is a person's: use a clip only with the consent of whoever speaks in it.
    """
    if as_json and out == "-":
        raise UsageError("--json and -o - both want stdout: give -o a file")
    script = _read(text, file)
    seed = options.draw_seed() if seed is None else seed

    from maskaudio.cli.output import plan_targets
    from maskaudio.cli.playing import Player
    from maskaudio.cli.progress import live_sentences
    from maskaudio.cli.subtitles import check_subtitles, write_subtitles

    (target,) = plan_targets(out, format, script[:200], [seed])
    if subtitles:
        check_subtitles(subtitles)
    player = Player() if play else None
    options.set_up(quiet=quiet, verbose=verbose, threads=threads, offline=offline)

    from maskaudio.pipelines import speech
    from maskaudio.text.script import read_pronunciations

    manner = {"duration": duration, "steps": steps, "guidance": guidance, "temperature": temperature}
    manner |= {"top_p": top_p, "candidates": candidates}
    said = speech.utterances(
        script,
        speech.Manner(_speed(speed), **manner),
        voice=voice,
        voice_text=voice_text,
        language=language,
        engine=engine,
        seed=seed,
        model=model,
        pronunciations=read_pronunciations(pronunciations) if pronunciations else None,
        device=device.value,
    )
    started = time.perf_counter()
    cues: list[dict[str, Any]] = []
    seconds = 0.0
    first = next(said)  # whatever is wrong is said before a file is begun
    rate, tags = first.audio.sample_rate, first.audio.tags
    with (
        target.stream(rate, tags={} if no_tags else tags, overwrite=overwrite) as (path, write),
        live_sentences(not quiet) as show,
    ):
        for utterance in itertools.chain([first], said):
            samples = utterance.with_pause()
            write(samples)
            if player:
                player.add(samples[0], rate)
            _add_cue(cues, utterance, seconds)
            seconds += samples.shape[1] / rate
            show(len(cues), seconds)
    took = time.perf_counter() - started
    if not quiet:
        options.say(
            f"wrote {'to stdout' if target.is_stdout else path}: {seconds:.2f} s of speech"
            f" in {took:.2f} s ({seconds / took:.1f} times real time), voice {tags['voice']}, seed {seed}"
        )
    if subtitles:
        subtitles = write_subtitles(subtitles, cues, overwrite=overwrite)
    if as_json:
        made = {
            "file": str(path),
            "format": target.format,
            "voice": tags["voice"],
            "seed": seed,
            "model": model,
        }
        made |= {"duration": seconds, "sample_rate": rate, "seconds": round(took, 3), "sentences": len(cues)}
        made |= {"subtitles": str(subtitles)} if subtitles else {}
        print(json.dumps(made | {"tags": tags}, ensure_ascii=False), flush=True)
    if player:
        player.finish()


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


def _read(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        raise UsageError('give the text, as in maskaudio speak "Hello there.", or --file, or - for stdin')
    if text == "-":
        return options.read_stdin()
    if file is None:
        return text
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8 text") from None


def _speed(value: str) -> float | None:
    """A factor; None for the voice's own pace."""
    if value == "voice":
        return None
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"--speed {value}: give a number such as 1.2, or 'voice'") from None
