"""Waiting for somebody to ring, at most so long."""

import asyncio


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set before the time is over.

    Not `wait_for`: where it is set at the moment in which its task is broken off, that would go on
    (Python 3.11), and with it what was to end because another half of the process had failed.
    """
    try:
        async with asyncio.timeout(max(seconds, 0)):
            return await event.wait()
    except TimeoutError:
        return False
