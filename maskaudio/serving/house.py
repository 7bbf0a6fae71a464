"""What the server does for whoever asks: speech, sounds, edits."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from maskaudio.audio import Audio, encode_audio, read_audio
from maskaudio.batch.jobs import SHORT, Failed, Job, Made
from maskaudio.checkpoints.registry import find_model, list_models
from maskaudio.checkpoints.voices import voice_files
from maskaudio.checks import pick_seed
from maskaudio.encoding import audio_stream
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.serving.desk import Desk
from maskaudio.serving.errors import Refused, as_error, explained
from maskaudio.serving.limits import Limits
from maskaudio.serving.metrics import Metrics
from maskaudio.serving.requests import ALIASES, CONTENT, VOICES, EditRequest, GenerationRequest, SpeechRequest

T = TypeVar("T")


@dataclass(frozen=True)
class House:
    """The routes' work, with one desk."""

    desk: Desk
    limits: Limits
    metrics: Metrics
    device: str

    async def speech(self, asked: SpeechRequest, request: Request) -> Response:
        from maskaudio.pipelines.speech import utterances

        if len(asked.input) > self.limits.text:
            raise UsageError(f"input: {len(asked.input)} characters; at most {self.limits.text} are taken")
        model = _named(ALIASES.get(asked.model, asked.model), "speech")
        seed = pick_seed(asked.seed)
        told: dict[str, Any] = {"text": asked.input, "voice": None, "language": asked.language}
        told |= {"model": model, "speed": asked.speed}
        flows = asked.response_format in ("wav", "pcm")
        if not flows and asked.voice_clip is None and len(asked.input) <= SHORT:  # with others that wait
            told["voice"] = self._voice(asked, model)
            job = Job(0, "speak", told, seed, "", asked.response_format)
            outcome = await self._attended(request, self.desk.make(job))
            return self._sound(outcome, asked.response_format, seed)

        def begin() -> Iterator[Audio]:
            manner = told | {"voice": self._voice(asked, model), "seed": seed, "device": self.device}
            said = utterances(**manner)
            return (Audio(u.with_pause(), u.audio.sample_rate, u.audio.tags) for u in said)

        pieces = self.desk.pieces(begin)
        first = await self._attended(request, anext(pieces, None))
        if first is None:
            raise UsageError("input: there is nothing to say")
        headers = {"X-Seed": str(seed)}
        kind = CONTENT[asked.response_format]
        if flows:
            body = self._flow(first, pieces, _container(asked.response_format))
            return StreamingResponse(body, media_type=kind, headers=headers)
        rest = [piece async for piece in self._until_gone(request, pieces)]
        samples = np.concatenate([piece.samples for piece in (first, *rest)], 1)
        whole = Audio(samples, first.sample_rate, first.tags)
        self.metrics.audio.inc(whole.duration)
        data = await asyncio.to_thread(encode_audio, whole, asked.response_format)
        return Response(data, media_type=kind, headers=headers)

    async def generation(self, asked: GenerationRequest, request: Request) -> Response:
        if asked.duration > self.limits.seconds:
            raise UsageError(
                f"duration {asked.duration:g} s: at most {self.limits.seconds:g} s are made here"
            )
        if len(asked.prompt) > self.limits.text:
            raise UsageError(f"prompt: {len(asked.prompt)} characters; at most {self.limits.text} are taken")
        _named(asked.model, "sound")
        told: dict[str, Any] = {"prompt": asked.prompt, "model": asked.model, "duration": asked.duration}
        told |= {"negative": asked.negative_prompt, "loop": asked.loop, "candidates": asked.candidates}
        told |= {"steps": asked.steps, "guidance": asked.guidance, "temperature": asked.temperature}
        seed = pick_seed(asked.seed)
        format = _container(asked.response_format)
        if asked.stream:
            return StreamingResponse(
                self._events(told, seed, format),
                media_type="text/event-stream",
                headers={"X-Seed": str(seed)},
            )
        job = Job(0, "generate", told, seed, "", format)
        outcome = await self._attended(request, self.desk.make(job))
        return self._sound(outcome, asked.response_format, seed)

    async def edit(self, asked: EditRequest, request: Request) -> Response:
        from maskaudio import edit

        wanted = {"inpaint": ("start", "end"), "extend": ("seconds",), "variation": ("strength",)}[asked.task]
        told = {name: getattr(asked, name) for name in wanted}
        if missing := [name for name, value in told.items() if value is None]:
            raise UsageError(f"'{asked.task}' needs {missing[0]}")
        if told.get("seconds", 0) > self.limits.seconds:
            raise UsageError(f"seconds: at most {self.limits.seconds:g} are made here")
        _named(asked.model, "sound")
        seed = pick_seed(asked.seed)
        format = _container(asked.response_format)

        def run() -> Made:
            clip = self._clip(asked.audio)
            manner = {"prompt": asked.prompt, "seed": seed, "model": asked.model, "device": self.device}
            changed = getattr(edit, asked.task)(clip, **told, **manner)
            data = encode_audio(changed, format)
            return Made(data, changed.duration, changed.sample_rate, 0.0, asked.model)

        made = await self._attended(request, self.desk.call(run))
        return self._sound(made, asked.response_format, seed)

    def _voice(self, asked: SpeechRequest, model: str) -> Any:
        """Who is to speak: a clip that came along, one of our voices by name, or the first of them."""
        from maskaudio.pipelines.speech_model import load
        from maskaudio.pipelines.voices import voice_from_clip

        there = list(voice_files(find_model(model, "speech")))
        if asked.voice_clip is not None:
            from maskaudio.devices import pick_device

            speech = load(model, pick_device(self.device))
            clip = self._clip(asked.voice_clip)
            return voice_from_clip(clip, "voice_clip", speech.codec, speech.tokeniser)
        if asked.voice in VOICES and asked.voice not in there:
            return there[VOICES[asked.voice] % len(there)]
        if asked.voice is not None and asked.voice not in there:
            raise UsageError(f"unknown voice '{asked.voice}' (there is: {', '.join(there)})")
        return asked.voice

    def _clip(self, data: bytes) -> Audio:
        """A recording that came along; that it is none is its sender's mistake."""
        try:
            return read_audio(data, self.limits.clip)
        except MaskaudioError as error:
            raise UsageError(str(error)) from None

    def _sound(self, outcome: Made | Failed, format: str, seed: int) -> Response:
        if isinstance(outcome, Failed):
            raise (UsageError if outcome.final else MaskaudioError)(outcome.error)
        self.metrics.audio.inc(outcome.seconds)
        return Response(outcome.data, media_type=CONTENT[format], headers={"X-Seed": str(seed)})

    async def _flow(self, first: Audio, rest: AsyncIterator[Audio], format: str) -> AsyncIterator[bytes]:
        """The file as it grows."""
        pipe = _Pipe()
        with audio_stream(pipe, first.sample_rate, format, 1, first.tags) as write:
            write(first.samples)
            yield pipe.take()
            async for piece in rest:
                self.metrics.audio.inc(piece.duration)
                write(piece.samples)
                yield pipe.take()
        yield pipe.take()

    async def _events(self, told: dict[str, Any], seed: int, format: str) -> AsyncIterator[bytes]:
        """Server-sent events: `step` as the grid is revealed, then `audio` (base64), or `error`."""
        import maskaudio

        loop, events = asyncio.get_running_loop(), asyncio.Queue()

        def observe(progress: Any) -> None:
            known = progress.known[0].int().tolist()
            rows = ["".join(map(str, row)) for row in known]
            step = {"step": progress.done, "of": progress.total, "stage": progress.stage, "known": rows}
            loop.call_soon_threadsafe(events.put_nowait, ("step", step))

        def run() -> bytes:
            audio = maskaudio.generate(seed=seed, device=self.device, observer=observe, **told)
            self.metrics.audio.inc(audio.duration)
            return encode_audio(audio, format)

        asked = asyncio.ensure_future(asyncio.wait_for(self.desk.call(run), self.limits.patience))
        asked.add_done_callback(lambda _: events.put_nowait(("end", None)))
        try:
            while (event := await events.get())[0] != "end":
                yield _event(*event)
            data = base64.b64encode(asked.result()).decode()
            yield _event("audio", {"audio": data, "seed": seed})
        except Exception as error:
            yield _event("error", as_error(*explained(error)))
        finally:
            asked.cancel()  # nobody listens any more

    async def _attended(self, request: Request, wanted: Awaitable[T]) -> T:
        """What is wanted; given up where the caller goes away or patience ends."""
        task = asyncio.ensure_future(wanted)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait(
                {task, gone}, timeout=self.limits.patience, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
            if gone.done():
                raise Refused(499, "the caller went away")
            raise Refused(504, f"not done within {self.limits.patience:g} s")
        finally:
            task.cancel()
            gone.cancel()

    async def _until_gone(self, request: Request, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
        while True:
            try:
                yield await self._attended(request, anext(pieces))
            except StopAsyncIteration:
                return


class _Pipe:
    """Takes what is written, for whoever sends it on."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def seekable(self) -> bool:
        return False

    def take(self) -> bytes:
        data, self.data = bytes(self.data), bytearray()
        return data


def _container(format: str) -> str:
    """What maskaudio.audio calls a format of the API."""
    return "raw" if format == "pcm" else format


def _named(model: str, kind: str) -> str:
    """`model`, where it is the name of a model of that kind: what else lies here is no caller's business."""
    known = [info.name for info in list_models() if info.kind == kind and not info.problem]
    if model not in known:
        raise UsageError(f"unknown {kind} model '{model}' (there is: {', '.join(known)})")
    return model


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
