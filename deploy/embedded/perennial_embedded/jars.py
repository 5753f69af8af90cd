"""Kafka's jars from Maven Central: resolved once per machine, found again without a network."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from perennial_embedded.home import read_json, write_private

# The clients come first: of two versions the resolver keeps the one it meets first.
COORDINATES = (
    "org.apache.kafka:kafka-clients:4.3.1",
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.2",
)


def class_path() -> str:
    return os.pathsep.join(map(str, known() or _remember(_resolve())))


def known() -> list[Path]:
    """The jars of an earlier start on this machine, if they still lie there; else none."""
    found = [Path(jar) for jar in read_json(_listing()).get("jars", ())]
    return found if all(jar.exists() for jar in found) else []


def _remember(found: list[Path]) -> list[Path]:
    listing = _listing()
    listing.parent.mkdir(parents=True, exist_ok=True)
    write_private(listing, json.dumps({"jars": [str(jar) for jar in found]}, indent=1))
    return found


def _resolve() -> list[Path]:
    """The resolver checks each download against the repository's checksum."""
    import jgo  # slow to import, and only the first start needs it

    artifacts = jgo.resolve("+".join(COORDINATES))
    with ThreadPoolExecutor(8) as downloads:
        return sorted(
            {Path(jar) for jar in downloads.map(lambda found: found.resolve(), artifacts)}
        )


def _listing() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    version = hashlib.sha256("\n".join(COORDINATES).encode()).hexdigest()[:12]
    return Path(base) / "perennial" / f"jars-{version}.json"


if __name__ == "__main__":
    class_path()  # at set-up, so that the first start needs no network
