"""`maskaudio serve`: the HTTP API."""

import os
import socket
from typing import Annotated

from maskaudio.cli import options
from maskaudio.errors import MaskaudioError, UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[
        str,
        options.option("--host", help="The address to listen on; all but this machine's own needs --token."),
    ] = "127.0.0.1",
    port: Annotated[int, options.option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        options.option("--token", help="What callers must bring; better in MASKAUDIO_SERVE_TOKEN."),
    ] = None,
    queue: Annotated[int, options.option("--queue", min=1, help="Requests that may wait.")] = 64,
    longest: Annotated[
        float, options.option("--longest", min=0.1, max=3600, help="Seconds of a sound, at most.")
    ] = 30.0,
    text: Annotated[int, options.option("--text", min=1, help="Characters of a text, at most.")] = 4096,
    patience: Annotated[
        float, options.option("--patience", min=1, help="Seconds until a request is given up.")
    ] = 120.0,
    device: options.Device = options.DeviceName.auto,
    threads: options.Threads = None,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Serve sounds and speech over HTTP, as OpenAI's clients ask for it; see /openapi.json.

    A voice is a person's: whoever can reach this server can have any voice said anything in.
    """
    token = token or None
    if token is None and host not in LOOPBACK:
        raise UsageError(
            f"--host {host}: others can reach that; give --token a secret that callers must bring"
        )
    options.set_up(quiet=quiet, verbose=verbose, threads=threads, offline=offline)

    import uvicorn

    from maskaudio.serving.app import create_app
    from maskaudio.serving.limits import Limits

    limits = Limits(text=text, seconds=longest, queue=queue, patience=patience)
    app = create_app(limits, token=token, device=device.value)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise MaskaudioError(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno or 0)})"
        ) from None
    if not quiet:
        shown = f"[{host}]" if ":" in host else host
        options.say(f"listening on http://{shown}:{listener.getsockname()[1]} (Ctrl-C stops it)")
    config = uvicorn.Config(app, log_level="info" if verbose else "warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
