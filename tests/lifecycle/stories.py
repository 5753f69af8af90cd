"""Short histories of a few customers, told to the real service."""

from datetime import UTC, datetime

from perennial.contracts.registers import PersonJoined

from tests.lifecycle.conftest import House
from tests.lifecycle.driving import lead, ordered, scored, trend


def day(month: int, number: int) -> datetime:
    return datetime(1997, month, number, 10, tzinfo=UTC)


async def two_months(house: House) -> None:
    """a and b come in January; b goes silent in February, c comes."""
    for name in ("p1", "p2", "p3"):
        joined = PersonJoined(person_id=name, role="service", team="north")
        await house.told(day(1, 1), (f"person:{name}", joined))
    await house.told(day(1, 6), *((key, lead()) for key in "abc"))
    await house.told(
        day(1, 7), ("a", ordered(1, day(1, 7))), ("b", ordered(1, day(1, 7), rolling_value=50_00))
    )
    await house.told(day(1, 20), ("a", trend("rising", rolling_value=120_00)))
    silent = scored(silence_days=31.0, rolling_value=20_00, value_36m=900_00)
    await house.told(day(2, 7), ("b", silent), ("c", ordered(1, day(2, 7), rolling_value=30_00)))
