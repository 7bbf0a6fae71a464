"""Nobody waits for what is not needed: what --help and generate import."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def imported(program: str) -> set[str]:
    """Top-level packages in sys.modules after `program`."""
    code = f"import sys\n{program}\nprint(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=120
    )
    return set(done.stderr.decode().splitlines()[-1].split())


def after_command(*arguments: str) -> set[str]:
    """The same after a run of the command line, which must end with exit code 0."""
    return imported(
        f"sys.argv = ['maskaudio', *{arguments!r}]\n"
        "from maskaudio.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )


HEAVY = {
    "torch",
    "numpy",
    "scipy",
    "librosa",
    "torchaudio",
    "encodec",
    "soundfile",
    "rich",
    "huggingface_hub",
}


def test_help_imports_nothing_heavy():
    assert not after_command("--help") & HEAVY
    assert not after_command("generate", "--help") & HEAVY
    assert not after_command("models", "list") & (HEAVY - {"rich"})


def test_the_library_itself_is_free():
    assert not imported("import maskaudio; assert 'generate' in dir(maskaudio)") & HEAVY


def test_generate_imports_no_scipy_librosa_or_torchaudio():
    used = imported("from maskaudio.pipelines import text_to_audio; import maskaudio.audio")
    assert "torch" in used
    assert not used & {"scipy", "librosa", "torchaudio", "encodec", "sklearn", "numba", "transformers"}


def test_a_whole_generate_imports_no_scipy_librosa_or_torchaudio(tmp_path):
    model = ROOT / "models" / "sound"
    if not (model / "config.json").is_file():
        from tests.tiny import tiny_sound_model

        model = tmp_path / "sound"
        tiny_sound_model(model)
    target = str(tmp_path / "x.opus")
    used = after_command("generate", "rain", "-d", "0.5", "-o", target, "-m", str(model))
    assert not used & {"scipy", "librosa", "torchaudio", "encodec", "sklearn", "numba", "transformers"}
