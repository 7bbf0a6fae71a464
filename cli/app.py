"""`maskaudio`: the commands, and what becomes of an error."""

import io
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from maskaudio.cli import (
    batch,
    codec,
    doctor,
    edit,
    evaluate,
    generate,
    inspect,
    models,
    options,
    serve,
    speak,
    train,
    voices,
)
from maskaudio.errors import MaskaudioError, UsageError, first_line

# rich help would triple the time of --help
app = typer.Typer(
    name="maskaudio",
    epilog="Every option can stand in the environment: MASKAUDIO_GENERATE_DURATION=2.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(generate.generate)
app.command()(speak.speak)
app.add_typer(edit.app, name="edit")
app.command()(batch.batch)
app.command()(serve.serve)
app.command()(inspect.inspect)
app.add_typer(voices.app, name="voices")
app.add_typer(models.app, name="models")
app.add_typer(codec.app, name="codec")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="eval")
app.command()(doctor.doctor)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        options.option(
            "--config", help="A TOML file of options: a table such as [generate] for each command."
        ),
    ] = None,
    version: options.Version = False,
) -> None:
    """Words to sound files, on the machine you own."""
    if config:
        from maskaudio.cli.config import read_defaults

        context.default_map = read_defaults(config, context.command.commands)
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 130 Ctrl-C; one line says why."""
    # read when torch is loaded: threads that spin for long while they wait take busy cores from each other
    # (10 s of sound beside another process: 4.9 s instead of 6.4; on idle cores no difference)
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    # bfloat16 products are prepared for every length that is met and kept, a thousand of them unless told:
    # ten minutes of speech, a new length with every sentence, held 300 MB more
    for keeper in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(keeper, "100")
    try:
        # a polite kill unwinds like an error, so that no half-written file stays behind
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal without a letter is no reason to fail
        code = _run()
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has seen enough; keep Python from flushing into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _run() -> int:
    command = typer.main.get_command(app)
    try:
        done = command.main(prog_name="maskaudio", standalone_mode=False, auto_envvar_prefix="MASKAUDIO")
        return done if isinstance(done, int) else 0
    except options.ClickError as error:
        path = error.ctx.command_path if getattr(error, "ctx", None) else "maskaudio"
        return _fail(f"{error.format_message().rstrip('.')}; see '{path} --help'", 2)
    except typer.Abort:
        return _fail("stopped", 1)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if options.debugging:
            traceback.print_exc()
        return _fail(*_explain(error))


def _explain(error: Exception) -> tuple[str, int]:
    """One line and an exit code for whatever a command raised."""
    if isinstance(error, MaskaudioError):
        return str(error), 2 if isinstance(error, UsageError) else 1
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("maskaudio"):
        package = {"yaml": "pyyaml"}.get(error.name, error.name)
        return f"this needs the Python package {package}: pip install {package}", 1
    if isinstance(error, OSError) and error.strerror:  # a full disk, a name too long, a lost permission
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror, 1
    return f"internal error ({type(error).__name__}: {first_line(error)}); --debug shows where", 1


def _fail(message: str, code: int) -> int:
    options.say(" ".join(message.splitlines()))
    return code
