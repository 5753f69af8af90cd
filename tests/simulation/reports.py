"""The questions behind lifecycle's monthly report and its watchers, answered from dictionaries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date as date
from datetime import datetime
from typing import Any

import msgspec

from tests.kit.memory import Tables

_decode = msgspec.json.decode
_MEMBERSHIP = ("activated", "lost", "released")
Found = list[dict[str, Any]]


def watched(
    states: Iterable[Mapping[str, Any]],
    segments: Sequence[str],
    people: Sequence[str],
    after: str,
    most: int,
) -> Found:
    found = []
    for row in states:
        state = _decode(row["state"])
        watchers = set(state.get("watchers", ()))
        if row["key"] > after and state.get("segment") in segments and watchers & set(people):
            found.append(dict(row))
    return found[:most]


def first(tables: Tables, topic: str, kind: str) -> Found:
    moments = [
        said[3] for place, said in tables.event.items() if place[0] == topic and said[1] == kind
    ]
    return [{"min": min(moments, default=None)}]


def latest_event(tables: Tables, topic: str, kind: str, before: datetime) -> Found:
    told = ((place, said[1], said[3], said[5]) for place, said in tables.event.items())
    return _latest(told, topic, kind, before)


def latest_archived(tables: Tables, topic: str, kind: str, before: datetime) -> Found:
    told = ((place, said[1], said[3], said[4]) for place, said in tables.archive.items())
    return _latest(told, topic, kind, before)


def _latest(told: Iterator[Any], topic: str, kind: str, before: datetime) -> Found:
    found: dict[str, tuple[int, str]] = {}
    for (at, key, ver), said, now, data in told:
        if at == topic and said == kind and now < before:
            found[key] = max(found.get(key, (0, "")), (ver, data))
    return [{"key": key, "ver": ver, "data": data} for key, (ver, data) in sorted(found.items())]


def steps(
    tables: Tables, topic: str, opens: datetime, closes: datetime, *kinds: str, members: list[str]
) -> Found:
    recovered, moved, merged, unmerged = kinds
    found = []
    for (at, key, ver), said in tables.event.items():
        if at != topic or said[1] not in kinds or not opens <= said[3] < closes:
            continue
        data = _decode(said[5])
        before, after = data.get("before"), data.get("after")
        counts = {
            recovered: True,
            moved: after in _MEMBERSHIP,
            merged: before in members,
            unmerged: after in members,
        }
        if counts[said[1]]:
            row = {"key": key, "type": said[1], "before": before, "after": after}
            found.append((key, ver, row))
    return [row for _, _, row in sorted(found, key=lambda one: one[:2])]


def large(
    tables: Tables,
    topic: str,
    kind: str,
    opens: datetime,
    closes: datetime,
    months: Sequence[str],
    limit: int,
) -> Found:
    bought: dict[tuple[str, str], int] = {}
    for (at, key, _), said in tables.archive.items():
        if at != topic or said[1] != kind or not opens <= said[3] < closes:
            continue
        order = _decode(said[4]).get("order") or {}
        month = order.get("day", "")[:7]
        if month in months:
            bought[key, month] = bought.get((key, month), 0) + order.get("revenue", 0)
    large = {key for (key, _), revenue in bought.items() if revenue > limit}
    customers = {
        key: _decode(row[5])
        for (subject, key), row in tables.entity.items()
        if subject == "customer"
    }
    large = {key for key in large if "root" not in customers.get(key, {})}
    rows = [(key, month, n) for (key, month), n in sorted(bought.items()) if key in large]
    vips = [key for key, one in sorted(customers.items()) if "vip" in one and "root" not in one]
    rows += [(key, "", 0) for key in vips]
    return [{"key": key, "month": month, "revenue": n} for key, month, n in rows]
