"""Looking back: what was there, was not yet, and never was."""

from datetime import UTC, datetime

import pytest
from perennial.kit.history import as_it_stood
from perennial.kit.problems import Fault

pytestmark = pytest.mark.feature("P12")
NOW = datetime(2026, 2, 1, tzinfo=UTC)


async def test_what_is_there_now_and_was_not_then_is_told_apart_from_what_never_was() -> None:
    async def since_january(moment: datetime | None) -> str | None:
        return None if moment and moment < datetime(2026, 1, 1, tzinfo=UTC) else "it"

    async def never(_moment: datetime | None) -> str | None:
        return None

    early = datetime(2025, 12, 31, tzinfo=UTC)
    assert [await as_it_stood(since_january, at, "it") for at in (None, NOW)] == ["it", "it"]
    assert [await as_it_stood(never, at, "it") for at in (None, early)] == [None, None]
    with pytest.raises(Fault, match=r"2025-12-31T00:00:00.* give a later as_of") as refused:
        await as_it_stood(since_january, early, "it")
    assert (refused.value.status, refused.value.code) == (404, "not-yet")
