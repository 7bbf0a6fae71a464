"""The HTTP API: OpenAI's /v1/audio/speech, sounds, edits, voices, health and metrics."""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import PlainTextResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles

from maskaudio.checkpoints.registry import find_model, list_models
from maskaudio.checkpoints.voices import read_voice_notes, voice_files
from maskaudio.serving.desk import Desk
from maskaudio.serving.errors import Refused, explain_errors
from maskaudio.serving.house import House
from maskaudio.serving.limits import Limits, OnlySoMuch
from maskaudio.serving.metrics import Metrics
from maskaudio.serving.requests import CONTENT, EditRequest, GenerationRequest, SpeechRequest
from maskaudio.version import __version__

HERE = ["127.0.0.1", "localhost", "[::1]", "testserver"]

PAGE = Path(__file__).with_name("page")
DOORS = {  # the page needs nothing from elsewhere, and nobody may frame it
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(limits: Limits | None = None, *, token: str | None = None, device: str = "auto") -> FastAPI:
    """The application. With a token every request but /health must bring it as `Authorization: Bearer …`."""
    limits = limits or Limits()
    metrics = Metrics()
    desk = Desk(limits.queue, device, metrics.served)
    metrics.watch_queue(lambda: len(desk.waiting))
    house = House(desk, limits, metrics, device)
    bearer = HTTPBearer(auto_error=False)

    def known(brought: HTTPAuthorizationCredentials | None = Depends(bearer)) -> None:  # noqa: B008
        if token and not (brought and hmac.compare_digest(brought.credentials.encode(), token.encode())):
            raise Refused(401, "give the server's token as Authorization: Bearer …")

    app = FastAPI(title="maskaudio", version=__version__, docs_url=None, redoc_url=None)
    if token is None:  # a foreign page that calls this machine by another name is turned away
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=HERE)
    app.add_middleware(OnlySoMuch, most=limits.body)
    app.middleware("http")(metrics.count)
    app.middleware("http")(_close_doors)
    explain_errors(app)
    errors = {code: {"description": what, "model": None} for code, what in ERRORS.items()}
    guarded = {"dependencies": [Depends(known)], "responses": errors}
    sound = {
        "response_class": Response,
        "responses": errors | {200: {"description": "audio", "content": AUDIO}},
    }

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Whether the server is there."""
        return {"status": "ok", "version": __version__, "waiting": len(desk.waiting)}

    @app.get("/metrics", response_class=PlainTextResponse, **guarded)
    def figures() -> Response:
        """Figures for Prometheus."""
        return Response(*metrics.text())

    @app.get("/v1/models", **guarded)
    def models() -> dict[str, Any]:
        """Names for `model`."""
        usable = [m for m in list_models() if m.kind in ("sound", "speech") and not m.problem]
        return {
            "object": "list",
            "data": [{"id": m.name, "object": "model", "owned_by": "maskaudio"} for m in usable],
        }

    @app.get("/v1/voices", **guarded)
    def voices() -> dict[str, Any]:
        """Names for `voice`."""
        found = voice_files(find_model("speech", "speech"))
        return {"voices": [{"id": name, **read_voice_notes(path)} for name, path in found.items()]}

    @app.post("/v1/audio/speech", dependencies=[Depends(known)], **sound)
    async def speech(asked: SpeechRequest, request: Request) -> Response:
        """Say a text. wav and pcm are sent sentence by sentence while they are made."""
        return await house.speech(asked, request)

    @app.post("/v1/audio/generations", dependencies=[Depends(known)], **sound)
    async def generations(asked: GenerationRequest, request: Request) -> Response:
        """Make a sound from words; with `stream` as events that show the grid being revealed."""
        return await house.generation(asked, request)

    @app.post("/v1/audio/edits", dependencies=[Depends(known)], **sound)
    async def edits(asked: EditRequest, request: Request) -> Response:
        """Make a part of a recording anew."""
        return await house.edit(asked, request)

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


ERRORS = {
    400: "what is asked for makes no sense",
    401: "the token is missing or wrong",
    413: "the request is too large",
    422: "the request is no such request",
    429: "too many wait; ask again after Retry-After seconds",
    504: "it took too long",
}
AUDIO = {kind: {} for kind in sorted(set(CONTENT.values()))}


async def _close_doors(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(DOORS)
    return response
