"""`python -m <service>.main door|relay|migrate|check|rebuild`: the processes of one service."""

import asyncio
import gc
import logging
import os
import signal
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import uvloop

from perennial.kit.subject import Service

if TYPE_CHECKING:
    from perennial.kit.runtime import Settings

USAGE = "usage: python -m <service>.main door|relay|migrate|check|rebuild [wish as JSON]"


def main(service: Service) -> None:
    """Run the named process of a service; ends with a code that tells the supervisor why."""
    logging.basicConfig(
        level=os.environ.get("PERENNIAL_LOG_LEVEL", "INFO"),
        format='{"at":"%(asctime)s","level":"%(levelname)s","logger":"%(name)s","message":"%(message)s"}',
    )
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    collect_rarely()
    match sys.argv[1:]:
        case ["door"]:
            uvloop.run(_until_told(lambda stopping: _door(service, stopping)))
        case ["relay"]:
            uvloop.run(_until_told(lambda stopping: _relay(service, stopping)))
        case ["migrate"]:
            migrate(service)
            uvloop.run(_restore(service))
        case ["check"]:
            sys.exit(uvloop.run(_check(service)))
        case ["rebuild", *wish]:
            sys.exit(uvloop.run(_rebuild(service, "".join(wish) or "{}")))
        case _:
            sys.exit(USAGE)


def collect_rarely() -> None:
    """A batch makes many thousand objects that die together, without cycles: walking them again and
    again while they live would cost a third of the fold. So many more than two batches hold at once
    are garbage."""
    gc.freeze()
    gc.set_threshold(500_000, 10, 10)


async def _until_told(run) -> None:  # type: ignore[no-untyped-def]
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await run(stopping)


async def _door(service: Service, stopping: asyncio.Event) -> None:
    from perennial.kit.runtime import serve_door

    await serve_door(service, _settings(), stopping)


def _settings() -> "Settings":
    """As the environment tells them; what reads them loads with the process that needs them."""
    from perennial.kit.runtime import Settings

    return Settings()  # type: ignore[call-arg]


async def _relay(service: Service, stopping: asyncio.Event) -> None:
    from perennial.kit.relaying import serve_relay

    await serve_relay(service.name, stopping)


async def _check(service: Service) -> int:
    """Compare the schema with the topics; the result as one line of JSON, 1 if they differ."""
    import msgspec

    from perennial.kit.rebuilding.check import check

    settings = _settings()
    checked = await check(service, settings.database_url, settings.broker())
    sys.stdout.write(msgspec.json.encode(checked).decode() + "\n")
    return 1 if checked.differing else 0


async def _rebuild(service: Service, wish: str) -> int:
    """Make the tables anew; how far it has come and the result as lines of JSON, 1 if they differ."""
    import msgspec

    from perennial.kit.rebuilding.check import RebuildError
    from perennial.kit.rebuilding.switching import Rebuild, Wish

    def say(line: object) -> None:
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()

    settings = _settings()
    rebuild = Rebuild(
        service,
        settings.database_url,
        settings.broker(),
        msgspec.json.decode(wish, type=Wish),
        lambda schema: migrate(service, schema),
        lambda doing, facts: say({"doing": doing, "facts": facts}),
    )
    try:
        checked = await rebuild.run()
    except RebuildError as error:
        say({"fault": str(error)})
        return 3
    say(checked)
    return 1 if checked.differing else 0


async def _restore(service: Service) -> None:
    """A new schema under topics that are not new: its tables were lost, and are made again."""
    if "PERENNIAL_KAFKA_BOOTSTRAP" not in os.environ:
        return
    from perennial.kit.rebuilding.restoring import restore

    settings = _settings()
    facts = await restore(service, settings.database_url, settings.broker())
    if facts:
        logging.warning("the tables were empty: made again from %d facts of the topics", facts)


def migrate(service: Service, schema: str = "") -> None:
    """Bring the service's schema, or another of its owner's, to the newest revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("perennial.kit").joinpath("migrating")))
    versions = files(service.package).joinpath("migrations", "versions")
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.set_main_option(
        "sqlalchemy.url", os.environ["PERENNIAL_DATABASE_URL"].replace("%", "%%")
    )
    config.set_main_option("schema", schema)
    command.upgrade(config, "head")
