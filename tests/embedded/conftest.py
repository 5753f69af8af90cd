import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from perennial_embedded.access import Access, TopicSpec
from perennial_embedded.stack import Stack

ROOT = Path(__file__).parents[2]
ACCESS = Access(
    [
        TopicSpec("leads.v1", 3, ["lead-intake"], ["scoring"]),
        TopicSpec("scores.v1", 3, ["scoring"], ["lead-intake"]),
    ],
    observers=["oncall"],
    others=["partner.demo"],
)
SCHEMAS = ("lead_intake", "scoring")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, whose parents another user may not enter: that has a test to itself."""
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made) / "home"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        async with Stack(Path(made) / "home", schemas=SCHEMAS, access=ACCESS) as running:
            yield running


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
