"""Errors as the API tells them: a status, and one line in OpenAI's form."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.serving.desk import Busy


class Refused(Exception):
    """An answer of `status` other than that all is well."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def explained(error: Exception) -> tuple[int, str]:
    """Status and one line."""
    if isinstance(error, Busy):
        return 429, f"too many requests wait; ask again in {error.seconds} s"
    if isinstance(error, Refused):
        return error.status, str(error)
    if isinstance(error, UsageError):
        return 400, str(error)
    if isinstance(error, MaskaudioError):
        return 500, str(error)
    if isinstance(error, TimeoutError):
        return 504, "it took too long"
    return 500, f"internal error ({type(error).__name__})"


def as_error(status: int, message: str) -> dict[str, Any]:
    """OpenAI's form of an error."""
    kind = "invalid_request_error" if status < 500 and status != 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def explain_errors(app: FastAPI) -> None:
    async def told(request: Request, error: Exception) -> JSONResponse:
        status, message = explained(error)
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, Busy) else None
        return JSONResponse(as_error(status, " ".join(message.split())), status, headers)

    async def no_such_request(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse(as_error(422, f"{where}: {first['msg']}" if where else first["msg"]), 422)

    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(as_error(error.status_code, str(error.detail)), error.status_code, error.headers)

    for kind in (Busy, Refused, MaskaudioError, TimeoutError):
        app.exception_handler(kind)(told)
    app.exception_handler(RequestValidationError)(no_such_request)
    app.exception_handler(HTTPException)(refused)
