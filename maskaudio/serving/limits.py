"""What a server takes on, at most."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException


@dataclass(frozen=True)
class Limits:
    """At most so much of everything."""

    text: int = 4096  # characters of a prompt or an input
    seconds: float = 30.0  # of a sound
    clip: float = 60.0  # seconds of a recording that comes along
    body: int = 16 << 20  # bytes of a request
    queue: int = 64  # requests that wait
    patience: float = 120.0  # seconds until a request is given up


class OnlySoMuch:
    """Refuses bodies over `most` bytes, whatever their headers say: an ASGI middleware."""

    def __init__(self, app: Callable[..., Awaitable[None]], most: int):
        self.app, self.most = app, most

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        said = dict(scope.get("headers", ())).get(b"content-length", b"0")
        seen = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most or (said.isdigit() and int(said) > self.most):
                raise HTTPException(413, f"the request is larger than {self.most} bytes")
            return message

        await self.app(scope, counted, send)
