"""The desk: one thread computes, everybody else waits in a queue; what is alike is made together."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from maskaudio.batch.jobs import Job, Outcome, make, room

_END = object()


class Busy(Exception):
    """The queue is full; `seconds` is about when to ask again."""

    def __init__(self, seconds: int):
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(eq=False)
class _Ticket:
    """Somebody waits for `run` to return, or for `job` to be made; nobody where `answer` is cancelled."""

    run: Callable[[], Any] | None
    job: Job | None
    answer: asyncio.Future
    loop: asyncio.AbstractEventLoop

    def tell(self, result: Any, error: BaseException | None = None) -> None:
        def now() -> None:
            if self.answer.done():
                return
            if error:
                self.answer.set_exception(error)
            else:
                self.answer.set_result(result)

        self.loop.call_soon_threadsafe(now)


class Desk:
    """A queue of at most `most` tickets, and the thread that serves it.

    watch is told how many tickets were served together and how many seconds that took.
    """

    def __init__(self, most: int, device: str = "auto", watch: Callable[[int, float], None] | None = None):
        self.most, self.device, self.watch = most, device, watch
        self.waiting: deque[_Ticket] = deque()
        self.usual = 1.0  # seconds a ticket takes, a running mean
        self._new = threading.Condition()
        threading.Thread(target=self._serve, name="maskaudio-desk", daemon=True).start()

    async def make(self, job: Job) -> Outcome:
        """What becomes of `job`, made together with others like it that wait. Raises Busy."""
        return await self._queue(None, job)

    async def call(self, run: Callable[[], Any]) -> Any:
        """What `run` returns, on the thread that computes. Raises Busy."""
        return await self._queue(run, None)

    async def pieces(self, begin: Callable[[], Iterator[Any]]) -> AsyncIterator[Any]:
        """What the iterator from `begin` yields, each piece a ticket of its own: long texts let others pass.

        The next piece is asked for when one is taken, so that a slow reader fills no memory. Raises Busy at
        the first piece only.
        """
        iterator = await self.call(begin)
        while True:
            piece = await self._queue(lambda: next(iterator, _END), None, admitted=True)
            if piece is _END:
                return
            yield piece

    async def _queue(self, run: Callable[[], Any] | None, job: Job | None, admitted: bool = False) -> Any:
        loop = asyncio.get_running_loop()
        ticket = _Ticket(run, job, loop.create_future(), loop)
        with self._new:
            for gone in [t for t in self.waiting if t.answer.cancelled()]:
                self.waiting.remove(gone)
            if len(self.waiting) >= self.most and not admitted:
                raise Busy(max(1, round(self.usual * len(self.waiting))))
            self.waiting.append(ticket)
            self._new.notify()
        return await ticket.answer

    def _serve(self) -> None:
        while True:
            group = self._next()
            if not group:
                continue
            started = time.monotonic()
            try:
                if group[0].job is None:
                    results = [group[0].run()]
                else:
                    results = make([ticket.job for ticket in group], self.device)
            except Exception as error:  # it is the caller's to explain
                for ticket in group:
                    ticket.tell(None, error)
            else:
                for ticket, result in zip(group, results, strict=True):
                    ticket.tell(result)
            took = time.monotonic() - started
            self.usual = 0.9 * self.usual + 0.1 * took / len(group)
            if self.watch:
                self.watch(len(group), took)

    def _next(self) -> list[_Ticket]:
        """The ticket that waits longest and those like it, as many as there is room for together."""
        with self._new:
            while not self.waiting:
                self._new.wait()
            first = self.waiting.popleft()
            if first.answer.cancelled():
                return []
            kind = first.job.alike() if first.job else ""
            if not kind:
                return [first]
            like = [t for t in self.waiting if t.job and not t.answer.cancelled() and t.job.alike() == kind]
            like = like[: room(first.job) - 1]
            for ticket in like:
                self.waiting.remove(ticket)
            return [first, *like]
