"""`perennial trace`: what followed from what, across all topics, from the events themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from perennial.contracts.catalogue import TOPICS
from perennial.kit.batch import Partition
from perennial.kit.kafka import partition_for
from perennial.kit.reading import Reader
from rich.tree import Tree

from perennial_cli.desk import Desk, command, run
from perennial_cli.events import Seen, seen
from perennial_cli.showing import escaped, seconds
from perennial_cli.tailing import compact, in_time
from perennial_cli.trouble import ANSWER_IS_NO, Trouble


@dataclass
class Node:
    """An event and what it led to; without an event, a cause that lies outside what was read."""

    id: str
    event: Seen | None = None
    after: "list[Node]" = field(default_factory=list)


def register(app: typer.Typer) -> None:
    command(app)(trace)


def trace(
    desk: Desk,
    what: Annotated[
        str, typer.Argument(help="Customer, correlation, event id or idempotency key.")
    ],
    last: Annotated[
        int, typer.Option("--last", "-n", help="Of a customer: the latest causes.")
    ] = 20,
) -> None:
    """Follow one customer, or one cause with all that it led to, across all topics."""
    events = in_time(run(gathered(Reader(desk.observer()), what)))
    if not events:
        raise Trouble(
            f"no event has {what} as key, correlation, id or cause",
            "See `perennial tail`.",
            ANSWER_IS_NO,
        )
    roots = forest(events)
    if len(roots) > last and not desk.show.as_json:
        desk.show.remark(f"the last {last} of {len(roots):,} causes; -n shows more")
    if desk.show.as_json:
        desk.show.rows(row for root in roots for row in as_rows(root))
        return
    for root in roots[-last:]:
        desk.show.console.print(_drawn(root))


async def gathered(reader: Reader, what: str) -> list[Seen]:
    """A customer's events lie in one partition of each topic; a cause may have led anywhere."""
    async with reader:
        places = await reader.present(TOPICS)
        of_key = await _read(reader, _partitions_of(what, places), lambda one: one.key == what)
        if of_key:
            return of_key
        found = await _read(reader, places, lambda one: _is_named(one, what))
        roots = {_root(one) for one in found if what != one.correlation and one.correlation}
        if not roots or roots == {(what, "")}:
            return found
        return await _read(reader, places, lambda one: _root(one) in roots or one.id in dict(roots))


def _is_named(event: Seen, what: str) -> bool:
    """By its own name, or by that of the request that caused it: over HTTP a partner's event stands
    as principal|source|id there, an idempotency key as length:subject:key."""
    return what in (event.correlation, event.id) or event.causation.endswith(
        (f"|{what}", f":{what}")
    )


def _root(event: Seen) -> tuple[str, str]:
    """What an event goes back to. A timer is told by its moment alone, so its key belongs to it."""
    correlation = event.correlation
    return correlation, event.key if correlation.startswith("timer:") else ""


async def _read(reader: Reader, places: list[Partition], takes: Any) -> list[Seen]:
    starts, ends = await reader.starts(places), await reader.ends(places)
    return [
        event
        async for polled in reader.between(starts, ends)
        for event in map(seen, polled)
        if takes(event)
    ]


def _partitions_of(key: str, places: Iterable[Partition]) -> list[Partition]:
    counts: dict[str, int] = {}
    for topic, _ in places:
        counts[topic] = counts.get(topic, 0) + 1
    return [(topic, partition_for(key, count)) for topic, count in counts.items()]


def forest(events: Iterable[Seen]) -> list[Node]:
    """Trees by causation, each level in the order given. A cause that isn't there heads its effects."""
    nodes: dict[str, Node] = {}
    order: list[Node] = []
    for event in events:
        identity = event.id or f"{event.topic}/{event.part}/{event.offset}"
        node = nodes.get(identity)
        if node is None:
            nodes[identity] = node = Node(identity)
            order.append(node)
        node.event = node.event or event
    roots: dict[str, Node] = {}
    for node in order:
        cause = node.event.causation if node.event else ""
        above = nodes.get(cause)
        if above is not None and not _leads_to(node, above):
            above.after.append(node)
        elif cause and above is None:
            roots.setdefault(cause, Node(cause)).after.append(node)
        else:
            roots[node.id] = node
    return list(roots.values())


def _leads_to(node: Node, other: Node) -> bool:
    """Whether `other` hangs below `node` already: causation of broken records may go in circles."""
    return node is other or any(_leads_to(below, other) for below in node.after)


def as_rows(node: Node, depth: int = 0, cause: Seen | None = None) -> Iterator[dict[str, Any]]:
    """The tree from the top down, with the depth and the latency of each hop."""
    event = node.event
    if event is not None:
        hop = round((event.at - cause.at).total_seconds(), 3) if cause else None
        yield {"depth": depth, "hop_seconds": hop, **event.as_row()}
    for below in node.after:
        yield from as_rows(below, depth + 1, event)


def _drawn(node: Node) -> Tree:
    tree = Tree(_label(node, None), guide_style="dim")
    _draw_below(tree, node)
    return tree


def _draw_below(tree: Tree, node: Node) -> None:
    for below in node.after:
        _draw_below(tree.add(_label(below, node.event)), below)


def _label(node: Node, cause: Seen | None) -> str:
    event = node.event
    if event is None:
        return f"[dim]caused by[/] {escaped(node.id)} [dim](a request, a timer, or another key)[/]"
    hop = f" [yellow]+{seconds((event.at - cause.at).total_seconds())}[/]" if cause else ""
    when = escaped((event.time or event.at.isoformat())[:19].replace("T", " "))
    kind = escaped(event.type.removeprefix("perennial."))
    return (
        f"[cyan]{kind}[/] [bold]{escaped(event.key)}[/] [dim]{when} {event.topic}/{event.ver}[/]{hop}"
        f" {escaped(compact(event.data)[:100])}"
    )
