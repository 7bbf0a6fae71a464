"""The queue: what is alike goes together, nobody waits behind the dead, long texts let others pass."""

import asyncio
import threading
import time

import pytest

from maskaudio.batch.jobs import Job, Made
from maskaudio.serving import desk as desks
from maskaudio.serving.desk import Busy, Desk


def job(prompt, duration=1.0):
    return Job(0, "generate", {"prompt": prompt, "duration": duration}, 0, "", "wav")


@pytest.fixture
def groups(monkeypatch):
    """What was made together, by a maker that waits while `groups.hold` is set."""

    class Groups(list):
        hold = threading.Event()

    seen = Groups()
    seen.hold.set()

    def make(jobs, device):
        seen.append([j.told["prompt"] for j in jobs])
        assert seen.hold.wait(10)
        return [Made(j.told["prompt"].encode(), 1.0, 8000, 0.0, "m") for j in jobs]

    monkeypatch.setattr(desks, "make", make)
    return seen


async def begun(groups, count=1):
    while len(groups) < count:
        await asyncio.sleep(0.001)


def test_waiting_requests_are_made_together_and_each_gets_its_own(groups):
    async def ask():
        desk = Desk(64)
        groups.hold.clear()
        first = asyncio.ensure_future(desk.make(job("first")))
        await begun(groups)
        others = [asyncio.ensure_future(desk.make(job(f"{i}", 1.0 + (i > 25)))) for i in range(40)]
        await asyncio.sleep(0.01)
        groups.hold.set()
        return [made.data.decode() for made in await asyncio.gather(first, *others)]

    assert asyncio.run(ask()) == ["first", *map(str, range(40))]
    assert [len(g) for g in groups] == [1, 20, 6, 10, 4]  # twenty seconds of one length at most


def test_a_full_queue_says_when_to_come_back(groups):
    async def ask():
        desk = Desk(2)
        groups.hold.clear()
        waiting = [asyncio.ensure_future(desk.make(job("first")))]
        await begun(groups)
        waiting += [asyncio.ensure_future(desk.make(job("x"))) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(Busy) as busy:
            await desk.make(job("late"))
        assert busy.value.seconds >= 1
        waiting[1].cancel()  # whoever goes away leaves a place
        await asyncio.sleep(0)
        waiting.append(asyncio.ensure_future(desk.make(job("later"))))
        await asyncio.sleep(0.01)
        groups.hold.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, gone, _, later = asyncio.run(ask())
    assert first.data == b"first" and later.data == b"later"
    assert isinstance(gone, asyncio.CancelledError)
    assert groups == [["first"], ["x", "later"]]


def test_a_long_text_lets_others_pass(groups):
    async def ask():
        desk, order = Desk(64), []

        async def read():
            async for piece in desk.pieces(lambda: iter(range(4))):
                order.append(piece)
                if piece == 0:
                    other = asyncio.ensure_future(others())
                    await asyncio.sleep(0.05)
            await other

        async def others():
            order.append((await desk.make(job("short"))).data)

        await read()
        return order

    assert asyncio.run(ask()) == [0, b"short", 1, 2, 3]


def test_an_error_is_its_callers(groups):
    async def ask():
        desk = Desk(64)

        def wrong():
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            await desk.call(wrong)
        return await desk.call(lambda: 5)

    assert asyncio.run(ask()) == 5


def test_computing_does_not_block_the_loop(groups):
    async def ask():
        desk = Desk(64)
        started = time.monotonic()
        slow = asyncio.ensure_future(desk.call(lambda: time.sleep(0.3)))
        await asyncio.sleep(0.01)
        assert time.monotonic() - started < 0.25
        await slow

    asyncio.run(ask())
