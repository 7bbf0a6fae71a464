"""What may be asked of the server: bodies of its requests, as pydantic checks them."""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Format = Literal["mp3", "opus", "flac", "wav", "pcm", "ogg"]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]  # never a path
Text = Annotated[str, StringConstraints(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

CONTENT = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
ALIASES = {"tts-1": "speech", "tts-1-hd": "speech", "gpt-4o-mini-tts": "speech"}  # what OpenAI's clients send
VOICES = {"alloy": 0, "echo": 1, "fable": 2, "onyx": 3, "nova": 4, "shimmer": 5}  # theirs: the n-th of ours


def _clip(value: Any) -> Any:
    """Base64, with or without a data URL in front, as bytes."""
    if not isinstance(value, str):
        raise ValueError("give the recording's bytes in base64")
    try:
        return base64.b64decode(value.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None


Clip = Annotated[
    bytes,
    BeforeValidator(
        _clip, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "byte"})]
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SpeechRequest(_Body):
    """As OpenAI's /v1/audio/speech, and what we have beyond it."""

    model: Name = "speech"
    input: Text
    voice: Name | None = None
    response_format: Format = "mp3"
    speed: Annotated[float, Field(ge=0.3, le=3.0)] = 1.0
    stream_format: Literal["audio"] = "audio"
    voice_clip: Clip | None = None  # 2 to 30 s of a voice, in place of `voice`
    language: Literal["en-us", "en-gb"] | None = None
    seed: Seed | None = None


class GenerationRequest(_Body):
    """A sound from words."""

    prompt: Text
    model: Name = "sound"
    duration: Annotated[float, Field(ge=0.1)] = 4.0
    response_format: Format = "wav"
    negative_prompt: Text | None = None
    loop: bool = False
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0.0, le=20.0)] | None = None
    temperature: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    candidates: Annotated[int, Field(ge=1, le=8)] | None = None
    seed: Seed | None = None
    stream: bool = False  # events of the grid being revealed, then the audio


class EditRequest(_Body):
    """A recording and what becomes of it."""

    audio: Clip
    task: Literal["inpaint", "extend", "variation"]
    start: Annotated[float, Field(ge=0.0)] | None = None  # inpaint: seconds
    end: Annotated[float, Field(ge=0.0)] | None = None
    seconds: Annotated[float, Field(gt=0.0)] | None = None  # extend: how many more
    strength: Annotated[float, Field(ge=0.0, le=1.0)] | None = None  # variation
    prompt: Text | None = None
    model: Name = "sound"
    response_format: Format = "wav"
    seed: Seed | None = None
