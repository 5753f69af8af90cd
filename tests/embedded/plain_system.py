"""A whole system of two plain services, run as a process of its own so that it can be killed."""

import asyncio
import sys
from pathlib import Path

from perennial_embedded.access import Access, TopicSpec
from perennial_embedded.services import Service
from perennial_embedded.system import System, serve

PACKAGE = "tests.embedded.plain_service"
SERVICES = (Service("first", PACKAGE), Service("second-one", PACKAGE))
ACCESS = Access(
    [TopicSpec("facts.v1", 24, ["first"], ["second-one"])], observers=["oncall"], others=["partner"]
)

if __name__ == "__main__":
    system = System(Path(sys.argv[1]), ACCESS, services=SERVICES)
    asyncio.run(serve(system, announce=lambda addresses: print("ready", flush=True)))
