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
    listing = _cache() / f"jars-{_fingerprint()}.json"
    known = [Path(jar) for jar in read_json(listing).get("jars", ())]
    if known and all(jar.exists() for jar in known):
        return os.pathsep.join(map(str, known))
    found = _resolve()
    listing.parent.mkdir(parents=True, exist_ok=True)
    write_private(listing, json.dumps({"jars": [str(jar) for jar in found]}, indent=1))
    return os.pathsep.join(map(str, found))


def _resolve() -> list[Path]:
    """The resolver checks each download against the repository's checksum."""
    import jgo  # slow to import, and only the first start needs it

    artifacts = jgo.resolve("+".join(COORDINATES))
    with ThreadPoolExecutor(8) as downloads:
        return sorted(
            {Path(jar) for jar in downloads.map(lambda found: found.resolve(), artifacts)}
        )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "perennial"


def _fingerprint() -> str:
    return hashlib.sha256("\n".join(COORDINATES).encode()).hexdigest()[:12]


if __name__ == "__main__":
    class_path()  # at set-up, so that the first start needs no network
