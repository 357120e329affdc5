"""Where requests wait: bodies are counted as they come, work is done on few threads, and all of it has a time limit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from cic.serving.limits import BODIES_HELD, Limits
from cic.serving.refusals import Refused

R = TypeVar("R")


class Desk:
    """Takes bodies in and has them worked on, as many at a time as there are cores."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.held = limits, 0
        self.pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="answer")

    async def done(self, request: Request, work: Callable[[bytearray], R]) -> R:
        """Read the body of a request, and give what work makes of it.

        Raises
        ------
        Refused
            If the body is too large, packed, cut short or late, too much is waiting, or the work takes too long.
        """
        deadline = asyncio.get_running_loop().time() + self.limits.seconds
        body, loop = bytearray(), asyncio.get_running_loop()
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._read(request, body)
            except TimeoutError:
                raise Refused(408, f"the body did not arrive within {self.limits.seconds:g} s") from None
            try:
                async with asyncio.timeout_at(deadline):
                    return await loop.run_in_executor(self.pool, work, body)
            except TimeoutError:
                late = f"there was no answer within {self.limits.seconds:g} s: send fewer profiles at a time, or later"
                raise Refused(503, late) from None
        finally:
            self.held -= len(body)

    async def _read(self, request: Request, body: bytearray) -> None:
        most = self.limits.body
        too_large = Refused(413, f"the body is larger than {most:,} bytes: send fewer profiles at a time")
        if (packed := request.headers.get("content-encoding", "identity").lower()) != "identity":
            raise Refused(415, f"the body is packed by `{packed:.40}`: send it as it is")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise too_large
        try:
            async for piece in request.stream():
                body += piece
                self.held += len(piece)
                if len(body) > most:
                    raise too_large
                if self.held > BODIES_HELD * most:
                    raise Refused(503, "too many profiles are waiting: send them again in a moment")
        except ClientDisconnect:
            raise Refused(400, "the connection was closed before the end of the body") from None
