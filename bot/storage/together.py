"""Natural batching: what comes while a batch's statement runs goes together in the next one.

A lone item waits for nothing; the busier it is, the more go together. What a batch could not do for an item is done
for it alone, beside the next batches, so that one that has to wait holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bot.telemetry.log import log

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100  # items of a batch; more only makes each of them wait longer
STUCK = 0.5  # seconds after which the next batch does not wait for this one any more


class Together(Generic[Item, Result]):
    """Does items in batches; each gets its own result.

    batch: does several at once; returns what came of each, None for those that it did not do. When it raises, none was
    done, or nobody knows. alone: does one that its batch did not do, and has the last word.
    """

    def __init__(
        self,
        batch: Callable[[Sequence[Item]], Awaitable[Sequence[Result | None]]],
        alone: Callable[[Item], Awaitable[Result]],
    ) -> None:
        self._batch, self._alone = batch, alone
        self._waiting: list[tuple[Item, asyncio.Future[Result | None]]] = []
        self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()  # The loop itself keeps none.

    async def do(self, item: Item) -> Result:
        """What came of it. Raises what doing it alone raises."""
        asked: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, asked))
        if not self._busy:
            self._begin()
        result = await asked
        return await self._alone(item) if result is None else result

    def _begin(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            done: Sequence[Result | None] = [None] * len(batch)
            stuck = loop.call_later(STUCK, self._begin)
            try:
                done = await self._batch([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - each hears its own trouble when it is done alone
                log.warning("batch failed, each is tried alone", items=len(batch), error=type(error).__name__)
            finally:
                stuck.cancel()
            for (_, asked), each in zip(batch, done, strict=True):
                if not asked.done():  # Its turn may have been cancelled meanwhile.
                    asked.set_result(each)
        self._busy = False
