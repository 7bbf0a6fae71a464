"""`maskaudio`: the commands, and what becomes of an error."""

import os
import signal
import sys
from typing import NoReturn

import typer

from maskaudio.cli import codec, doctor, generate, models, options, train
from maskaudio.errors import MaskaudioError, UsageError

# rich help would triple the time of --help
app = typer.Typer(
    name="maskaudio",
    help="Words to sound files, on the machine you own.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
app.command()(generate.generate)
app.add_typer(models.app, name="models")
app.add_typer(codec.app, name="codec")
app.add_typer(train.app, name="train")
app.command()(doctor.doctor)


@app.callback(invoke_without_command=True)
def root(version: options.Version = False) -> None:
    """Words to sound files, on the machine you own."""


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 130 Ctrl-C; one line says why."""
    try:
        # a polite kill unwinds like an error, so that no half-written file stays behind
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has seen enough; keep Python from flushing into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


_ClickError = typer.BadParameter.__mro__[2]  # ClickException, of typer's own click or of the installed one


def _run() -> int:
    command = typer.main.get_command(app)
    try:
        done = command.main(prog_name="maskaudio", standalone_mode=False, auto_envvar_prefix="MASKAUDIO")
        return done if isinstance(done, int) else 0
    except _ClickError as error:
        path = error.ctx.command_path if getattr(error, "ctx", None) else "maskaudio"
        return _fail(f"{error.format_message().rstrip('.')}; see '{path} --help'", 2)
    except typer.Abort:
        return _fail("stopped", 1)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        if options.debugging or (error.name or "").startswith("maskaudio"):
            raise
        return _fail(f"this needs the Python package '{error.name}': pip install {error.name}", 1)
    except UsageError as error:
        return _expected(error, 2)
    except MaskaudioError as error:
        return _expected(error, 1)
    except Exception as error:
        if options.debugging:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(f"internal error ({what}); --debug shows where", 1)


def _expected(error: MaskaudioError, code: int) -> int:
    if options.debugging:
        raise error
    return _fail(str(error), code)


def _fail(message: str, code: int) -> int:
    options.say(" ".join(message.splitlines()))
    return code
