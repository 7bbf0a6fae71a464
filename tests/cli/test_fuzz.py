"""A seeded share of benchmarks/fuzz.py: damaged inputs of every kind, for every command that reads them."""

import pytest

from benchmarks.fuzz import KINDS, fuzz
from maskaudio.cli import app


@pytest.mark.slow
def test_damaged_input_ends_in_one_line(tmp_path):
    found = fuzz(tmp_path, 11 * len(KINDS), seed=1)
    assert not found.wrong, "\n".join(f"{why}\n    {' '.join(command)}" for command, why in found.wrong)
    assert all(sum(codes.values()) == 11 for codes in found.codes.values())


def test_the_fuzzer_notices(tmp_path, monkeypatch):
    """What it is to find is found: a traceback, and a file that is half written."""
    honest = app._run
    calls = iter(range(100))

    def broken():
        if next(calls) == 0:
            return honest()  # the tokens that are to be damaged
        (tmp_path / "work" / ".out.wav.1.part").write_bytes(b"half")
        return 0

    monkeypatch.setattr(app, "_run", broken)
    assert len(fuzz(tmp_path, 3, seed=1).wrong) == 3

    def raises():
        raise RuntimeError

    again = tmp_path / "again"
    again.mkdir()
    monkeypatch.setattr(app, "_run", lambda: honest() if next(calls) == 4 else raises())
    assert [why[:12] for _, why in fuzz(again, 2, seed=1).wrong] == ["exit code -1"] * 2
