"""Engines of several processes on this machine."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from maskaudio.batch.jobs import Failed, Job, Outcome, make

DIED = "the process that made it died (out of memory?)"


@dataclass(frozen=True)
class Workers:
    """As many processes as `count`, each with models of its own and its share of the processor's threads."""

    count: int
    device: str = "auto"
    threads: int | None = None  # of each; None: its share

    def work(self, groups: Sequence[Sequence[Job]]) -> Iterator[tuple[int, list[Outcome]]]:
        threads = self.threads or max(1, (os.cpu_count() or 1) // self.count)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.count, context, _begin, (threads,)) as pool:
            try:
                asked = {pool.submit(make, group, self.device): i for i, group in enumerate(groups)}
                for done in as_completed(asked):
                    number = asked[done]
                    try:
                        yield number, done.result()
                    except BrokenProcessPool:
                        yield number, [Failed(DIED, final=False)] * len(groups[number])
            except BaseException:  # nobody waits for what is being made
                pool.shutdown(wait=False, cancel_futures=True)
                for child in multiprocessing.active_children():
                    child.terminate()
                raise


def _begin(threads: int) -> None:
    """What a new process does first: it leaves Ctrl-C to its parent, and dies with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)


def _die_with(parent: multiprocessing.Process) -> None:
    with contextlib.suppress(OSError):
        parent.join()
    os._exit(1)
