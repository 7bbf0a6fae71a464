"""What is made, kept, tried again; the journal under kills and rivals."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from maskaudio.audio import Audio, encode_audio
from maskaudio.batch.jobs import SECONDS, Failed, Job, Made, grouped
from maskaudio.batch.journal import open_journal
from maskaudio.batch.run import failure, run_batch
from maskaudio.errors import MaskaudioError


def job(line, prompt="rain", duration=1.0, **more):
    told = {"prompt": prompt, "duration": duration, "model": "sound", **more}
    return Job(line, "generate", told, line, f"{line}.wav", "wav")


class Fake:
    """An engine that makes noise of each job's seed; `fails` maps lines to how often they fail first."""

    def __init__(self, fails=None, final=False):
        self.fails, self.final, self.made = dict(fails or {}), final, []

    def work(self, groups):
        for number, group in enumerate(groups):
            yield number, [self.outcome(one) for one in group]

    def outcome(self, one):
        self.made.append(one.line)
        if self.fails.get(one.line, 0) > 0:
            self.fails[one.line] -= 1
            return Failed("no luck", self.final)
        samples = np.random.default_rng(one.seed).uniform(-0.5, 0.5, (1, 800)).astype(np.float32)
        return Made(encode_audio(Audio(samples, 8000), one.format), 0.1, 8000, 0.01, "fake")


def files(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*.wav")}


def test_a_group_holds_alike_clips_in_order_and_no_clip_is_lost():
    jobs = [job(i, duration=2.0 if i % 3 else 1.0) for i in range(30)] + [
        job(30, duration=21.0),
        job(31, loop=True),
    ]
    groups = grouped(jobs)
    assert sorted(one.line for group in groups for one in group) == list(range(32))
    for group in groups:
        assert len({one.alike() for one in group}) == 1
        assert [one.line for one in group] == sorted(one.line for one in group)
        assert len(group) == 1 or sum(one.told["duration"] for one in group) <= SECONDS
    assert max(map(len, groups)) == 10
    assert [len(g) for g in groups if g[0].line in (30, 31)] == [1, 1]


def test_a_duration_that_is_none_stands_alone():
    assert (
        grouped([job(1, duration=0.0), job(2, duration=float("nan")), job(3, duration=-1.0)])[0][0].line == 1
    )
    assert job(1, duration=0.0).alike() == ""


def test_files_results_and_a_second_run(tmp_path):
    jobs = [job(1), failure(2, "bad line"), job(3)]
    results = run_batch(jobs, tmp_path, Fake())
    assert set(files(tmp_path)) == {"1.wav", "3.wav"}
    told = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert told == [r.record for r in results]
    assert [r["status"] for r in told] == ["done", "failed", "done"]
    engine = Fake()
    again = run_batch(jobs, tmp_path, engine)
    assert engine.made == [] and [r.kept for r in again] == [True, False, True]
    assert [r.record for r in again] == told


def test_a_changed_line_is_made_again_and_a_deleted_file_too(tmp_path):
    run_batch([job(1), job(2), job(3)], tmp_path, Fake())
    (tmp_path / "3.wav").unlink()
    engine = Fake()
    results = run_batch([job(1), job(2, "snow"), job(3)], tmp_path, engine)
    # all of a group is made, what is missing is written
    assert [r.kept for r in results] == [True, False, False]
    engine = Fake()
    run_batch([job(1), job(2, "snow"), job(3)], tmp_path, engine)
    assert engine.made == []


def test_the_group_of_a_missing_clip_is_whole(tmp_path):
    """What is left is never grouped anew: a resumed batch computes the shapes of an undisturbed one."""
    jobs = [job(i, duration=5.0) for i in range(8)]
    run_batch(jobs[:6], tmp_path, Fake())
    engine = Fake()
    run_batch(jobs, tmp_path, engine)
    assert engine.made == [4, 5, 6, 7]


def test_a_strangers_file_stays(tmp_path):
    (tmp_path / "1.wav").write_bytes(b"mine")
    (result,) = run_batch([job(1)], tmp_path, Fake())
    assert "exists" in result.error and (tmp_path / "1.wav").read_bytes() == b"mine"
    (result,) = run_batch([job(1)], tmp_path, Fake(), overwrite=True)
    assert result.error is None and (tmp_path / "1.wav").read_bytes() != b"mine"


def test_failures_are_tried_again_where_that_may_help(tmp_path):
    (result,) = run_batch([job(1)], tmp_path / "a", Fake({1: 2}), retries=2)
    assert result.error is None
    (result,) = run_batch([job(1)], tmp_path / "b", Fake({1: 2}), retries=1)
    assert result.error == "no luck" and result.record["attempts"] == 2
    engine = Fake({1: 1}, final=True)
    run_batch([job(1)], tmp_path / "c", engine, retries=5)
    assert engine.made == [1]


def test_fail_fast_begins_nothing_more(tmp_path):
    jobs = [job(1, duration=11.0), job(2, duration=11.0), job(3, duration=11.0)]
    engine = Fake({2: 1})
    results = run_batch(jobs, tmp_path, engine, fail_fast=True)
    assert engine.made == [1, 2] and [r.line for r in results] == [1, 2]
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2


def test_the_journal_forgets_a_torn_line_and_names_a_damaged_one(tmp_path):
    run_batch([job(1), job(2)], tmp_path, Fake())
    journal = tmp_path / "journal.jsonl"
    whole = journal.read_bytes()
    for cut in range(1, len(whole)):
        journal.write_bytes(whole[:cut])
        with open_journal(tmp_path) as opened:
            assert set(opened.done) <= {job(1).key(), job(2).key()}
        assert whole.startswith(journal.read_bytes())
    journal.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(MaskaudioError, match="line 1: damaged"):
        run_batch([job(1)], tmp_path, Fake())
    (result,) = run_batch([job(1)], tmp_path, Fake(), resume=False, overwrite=True)
    assert result.error is None


@pytest.mark.parametrize("moment", ["before", "part", "file"])
def test_killed_in_the_middle_of_a_file(tmp_path, moment):
    """Begun but not done: whatever lies there is replaced, and nothing half-written stays."""
    engine = Fake()
    run_batch([job(1)], tmp_path / "whole", engine)
    folder = tmp_path / "killed"
    with open_journal(folder) as journal:
        journal.begin(job(1).key(), "1.wav")
    if moment == "part":
        (folder / ".1.wav.123.part").write_bytes(b"half")
    if moment == "file":
        (folder / "1.wav").write_bytes(b"whole, but not in the journal")
    run_batch([job(1)], folder, Fake())
    assert files(folder) == files(tmp_path / "whole")
    assert not list(folder.glob(".*.part"))


def test_two_batches_do_not_share_a_folder(tmp_path):
    hold = (
        "import sys, time; from pathlib import Path; from maskaudio.batch.journal import open_journal\n"
        "with open_journal(Path(sys.argv[1])): print(1, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, tmp_path], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        with pytest.raises(MaskaudioError, match="another batch"):
            run_batch([job(1)], tmp_path, Fake())
    finally:
        holder.kill()
        holder.wait()
    deadline = time.monotonic() + 5
    while True:  # a killed owner leaves no lock behind
        try:
            run_batch([job(1)], tmp_path, Fake())
            break
        except MaskaudioError:
            assert time.monotonic() < deadline


def test_an_interrupted_batch_says_what_is_done(tmp_path):
    class Stopped(Fake):
        def work(self, groups):
            yield 0, [self.outcome(groups[0][0])]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch([job(1, duration=11.0), job(2, duration=11.0)], tmp_path, Stopped())
    (told,) = (tmp_path / "results.jsonl").read_text().splitlines()
    assert json.loads(told)["line"] == 1


def test_a_folder_that_is_a_file_fails_its_line_only(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    inside = Job(1, "generate", {"prompt": "rain", "duration": 1.0}, 1, "a/b.wav", "wav")
    bad, good = run_batch([inside, job(2)], tmp_path, Fake())
    assert "should be" in bad.error and good.error is None and (tmp_path / "a").read_bytes() == b"mine"
