"""Delivers what waits in the outbox: a thread with an event loop of its own.

Of each sender one call is under way at a time, so its notifications arrive in their order; senders do not wait for
each other. What came of a call is written before the next one, and nothing is remembered here that a restart would
miss: what was posted and not yet written is posted again, under the same id. Of several processes on one database one
delivers, and another takes over when it ends.

It looks for what is new when it is woken, and every few seconds, because another process may have written. A sender
that was resumed or replaced is looked at as soon as that is said here; through another process, within 5 s. A defect
costs the sender that it shows with a minute, and is noted.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from cloud_bridge.notify import pacing
from cloud_bridge.notify.agenda import Agenda
from cloud_bridge.notify.plan import Call, Gone, Later, Plan, Planner
from cloud_bridge.notify.posting import Answer, Poster
from cloud_bridge.notify.request import request
from cloud_bridge.notify.settling import Settler
from cloud_bridge.notify.slots import Slots
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.outbox import Attempted, Outbox
from cloud_bridge.threads.faults import Faults

PART = "notifications"
LOOK_S = 2.0
"""From one look for what is new to the next, at most."""
UPKEEP_S = 30.0
"""What is too old or too much is given up, and all senders are looked at again, so often."""
MOST_WAITING = 100_000
"""Of one sender."""
SLOW_S = 2.0
"""An attempt that takes longer is slow."""
AFTER_FAULT_MS = 60_000
LAST_CALLS_S = 3.0
"""Those under way at the end have so long."""
_AT_ONCE = 1000

T = TypeVar("T")

log = logging.getLogger(__name__)


class Delivery:
    """`start`, then `stop`; not to be started twice."""

    def __init__(
        self,
        outbox: Outbox,
        planner: Planner,
        make_poster: Callable[[], Poster],
        faults: Faults,
        clock_ms: Callable[[], int],
        on_failure: Callable[[], None] = lambda: None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`make_poster` is called in the thread; `on_failure` is called from it when it had to give up."""
        self._outbox = outbox
        self._planner = planner
        self._make_poster = make_poster
        self._faults = faults
        self._clock_ms = clock_ms
        self._on_failure = on_failure
        self._most_waiting = most_waiting
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something was written. From any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # It has ended.
                loop.call_soon_threadsafe(self._woken.set)

    def resume(self, sender_id: str) -> None:
        """The sender goes on, or has become another: what is planned for it holds no more. From any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # It has ended.
                loop.call_soon_threadsafe(self._resume, sender_id)

    def stop(self) -> None:
        """Calls that are under way may still end; what is not delivered waits in the database."""
        self._stopping.set()
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        finished = False
        try:
            asyncio.run(self._main())
            finished = True
        finally:
            if not finished:
                self._on_failure()

    async def _main(self) -> None:
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._poster = self._make_poster()
        self._slots = Slots()
        self._settler = Settler(self._settle)
        # Who reads does not wait for who writes, who may have to wait for the disk.
        self._readers, self._writer = ThreadPoolExecutor(2, "outbox-reader"), ThreadPoolExecutor(1, "outbox-writer")
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._resumed: set[str] = set()
        self._slow: set[str] = set()
        self._agenda = Agenda()
        self._seen = 0
        self._upkeep_at_s = 0.0
        try:
            while not self._stopping.is_set():
                await self._look()
                await self._wait()
        finally:
            await self._end()

    async def _wait(self) -> None:
        next_ms = self._agenda.next_ms
        seconds = LOOK_S
        if next_ms is not None:
            seconds = min(max((next_ms - self._clock_ms()) / 1000, 0.0), LOOK_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()

    async def _end(self) -> None:
        tasks = list(self._serving.values())
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_CALLS_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._settler.close()
        await self._poster.close()
        self._readers.shutdown()
        self._writer.shutdown()
        self._outbox.leave()

    def _resume(self, sender_id: str) -> None:
        self._resumed.add(sender_id)
        self._woken.set()

    async def _look(self) -> None:
        resumed, self._resumed = self._resumed, set()
        try:
            if not await self._read(self._outbox.take_charge):
                return
            if self._loop_s() >= self._upkeep_at_s:
                await self._upkeep()
            self._seen, arrived = await self._read(lambda: self._outbox.arrivals(self._seen))
        except StoreError as error:
            log.error("notifications cannot be read now, trying again: %s", error)
            return
        for sender in [*arrived, *resumed.difference(arrived)]:
            self._serve(sender)
        now_ms = self._clock_ms()
        for sender in self._agenda.due(now_ms):
            self._serve(sender)

    async def _upkeep(self) -> None:
        self._upkeep_at_s = self._loop_s() + UPKEEP_S
        await self._poster.close_idle()
        now_ms = self._clock_ms()
        expired = 0
        while number := await self._write(lambda: self._outbox.expire(now_ms - pacing.KEPT_MS, _AT_ONCE, now_ms)):
            expired += number
        if expired:
            log.warning("%d notifications are given up: not delivered within 3 days", expired)
        for sender, number in (await self._write(lambda: self._outbox.trim(self._most_waiting, now_ms))).items():
            log.warning(
                "%d notifications of %s are given up, the oldest: more than %d wait", number, sender, self._most_waiting
            )
        # Somebody may have been resumed, or have got another policy.
        self._seen = 0

    def _serve(self, sender_id: str) -> None:
        """Does what is to be done for it, now or when what is under way has ended."""
        if sender_id in self._serving:
            self._again.add(sender_id)
            return
        self._serving[sender_id] = asyncio.create_task(self._serve_once(sender_id))

    async def _serve_once(self, sender_id: str) -> None:
        try:
            while not self._stopping.is_set():
                self._again.discard(sender_id)
                plan = await self._read(lambda: self._planner.plan(sender_id))
                if isinstance(plan, Call):
                    await self._call(plan)
                elif isinstance(plan, Gone):
                    await self._drop(sender_id)
                elif sender_id not in self._again:
                    self._schedule(sender_id, plan)
                    return
        except StoreError as error:
            log.error("notifications of %s cannot be read now, trying again: %s", sender_id, error)
            self._schedule(sender_id, Later(self._clock_ms() + 1000))
        except Exception:  # noqa: BLE001 (it is said, and counted)
            self._faults.note(PART, f"sender {sender_id}, for a minute,")
            self._schedule(sender_id, Later(self._clock_ms() + AFTER_FAULT_MS))
        finally:
            del self._serving[sender_id]

    def _schedule(self, sender_id: str, plan: Plan) -> None:
        if isinstance(plan, Later) and self._agenda.put(sender_id, plan.at_ms):
            self._woken.set()

    async def _call(self, call: Call) -> None:
        sender_id, asked_at_s = call.sender.id, self._loop_s()
        slow = call.trouble is not None or sender_id in self._slow
        async with self._slots.one(call.host, slow=slow):
            if self._stopping.is_set():
                return
            began_s = self._loop_s()
            if began_s - asked_at_s > SLOW_S:
                # It may be paused or gone by now.
                plan = await self._read(lambda: self._planner.plan(sender_id))
                if not isinstance(plan, Call):
                    return
                call = plan
            answer = await self._post(call)
        took_s = self._loop_s() - began_s
        (self._slow.add if answer.failure or took_s > SLOW_S else self._slow.discard)(sender_id)
        await self._settler.settle(self._outcome(call, answer))
        self._tell(call, answer)

    async def _post(self, call: Call) -> Answer:
        name = pacing.call_id(call.kept)
        if len(call.kept) > 1 and call.kept[0].batch is None:
            ids = [one.notification.id for one in call.kept]
            await self._write(lambda: self._outbox.bind(ids, name))
        name = call.kept[0].batch or name
        notifications = [one.notification for one in call.kept]
        return await self._poster.post(request(call.sender, notifications, name, call.keys, self._clock_ms() // 1000))

    def _outcome(self, call: Call, answer: Answer) -> Attempted:
        if not answer.failure:
            return pacing.delivered(call.sender, call.kept)
        return pacing.failed(
            call.sender,
            call.kept,
            answer.failure,
            trouble=call.trouble,
            newest=call.newest,
            asked_ms=answer.asked_ms,
            now_ms=self._clock_ms(),
        )

    def _tell(self, call: Call, answer: Answer) -> None:
        """Once when it begins and once when it is over."""
        if answer.failure and call.trouble is None:
            log.warning("notifications of %s cannot be delivered: %s", call.sender.id, answer.failure)
        elif not answer.failure and call.trouble is not None:
            log.info("notifications of %s are delivered again", call.sender.id)

    async def _drop(self, sender_id: str) -> None:
        number = await self._write(lambda: self._outbox.drop(sender_id, _AT_ONCE))
        log.info("%d notifications of %s are dropped: it is not there any more", number, sender_id)

    async def _settle(self, attempts: Sequence[Attempted]) -> None:
        await self._write(lambda: self._outbox.settle(attempts, self._clock_ms()))

    async def _read(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, function)

    async def _write(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, function)

    def _loop_s(self) -> float:
        return asyncio.get_running_loop().time()
