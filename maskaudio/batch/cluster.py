"""An engine on Ray: actors hold the models, and Ray sees to machines, lost workers and second tries."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maskaudio.batch.jobs import Failed, Job, Outcome, make
from maskaudio.errors import MaskaudioError, first_line

TRIES = 3  # of a group whose worker is lost


@dataclass(frozen=True)
class OnRay:
    """`workers` actors, None for one a GPU (or one in all), on the cluster at `address` or here."""

    workers: int | None = None
    address: str | None = None
    device: str = "auto"
    threads: int | None = None

    def work(self, groups: Sequence[Sequence[Job]]) -> Iterator[tuple[int, list[Outcome]]]:
        with contextlib.redirect_stdout(sys.stderr):  # what Ray has to say is no data
            yield from self._work(groups)

    def _work(self, groups: Sequence[Sequence[Job]]) -> Iterator[tuple[int, list[Outcome]]]:
        import ray
        from ray.util import ActorPool

        try:
            ray.init(self.address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            why = first_line(error)
            raise MaskaudioError(f"Ray at {self.address or 'this machine'}: {why}") from None
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0)) if self.device in ("auto", "cuda") else 0
        count = self.workers or gpus or 1
        share = {"num_gpus": 1} if gpus else {"num_cpus": max(1, int(there.get("CPU", 1)) // count)}
        threads = self.threads or int(share.get("num_cpus", 1))
        hired = ray.remote(_Worker).options(**share, max_restarts=-1, max_task_retries=TRIES)
        actors = [hired.remote(threads, self.device) for _ in range(min(count, len(groups)))]
        pool, missing, why = ActorPool(actors), set(range(len(groups))), ""
        try:
            for asked in enumerate(groups):
                pool.submit(lambda actor, asked: actor.make.remote(*asked), asked)
            while pool.has_next():
                try:
                    number, outcomes = pool.get_next_unordered()
                except ray.exceptions.RayError as error:
                    why = first_line(error)
                    continue
                missing.discard(number)
                yield number, outcomes
            for number in sorted(missing):
                yield number, [Failed(f"its worker was lost ({why})", final=False)] * len(groups[number])
        finally:
            for actor in actors:
                ray.kill(actor)


class _Worker:
    """An actor: what it has loaded stays loaded."""

    def __init__(self, threads: int, device: str):
        import torch

        torch.set_num_threads(threads)
        self.device = device

    def make(self, number: int, jobs: list[Job]) -> tuple[int, list[Outcome]]:
        return number, make(jobs, self.device)
