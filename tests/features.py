"""Which promises a test proves: `make features`. Also the pytest plugin that remembers the results.

A row of docs/spec_rows.yaml is done when a passing test that carries its id goes over the public
interface (tests/e2e, tests/contracts); with other passing tests it is done in part.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
import yaml

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "docs" / "spec_rows.yaml"
RESULTS = ROOT / ".perennial" / "test-results.json"
FEATURES = ROOT / ".perennial" / "features.json"
SOURCES = ("shared", "services", "deploy", "cli", "tests")
PUBLIC = ("tests/e2e/", "tests/contracts/")
DONE, PARTLY, OPEN = "done", "partly (rules only)", "open"


class Result(msgspec.Struct, frozen=True):
    """How a marked test ended, and as what it stood in its file."""

    features: list[str]
    outcome: str
    digest: str = ""


Results = dict[str, Result]
"""Test (pytest's node id) → its latest result."""


class Recorder:
    """Remembers how every marked test ended, beside those of earlier runs."""

    def __init__(self) -> None:
        self._features: dict[str, list[str]] = {}
        self._made: Results = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            named = sorted({str(mark.args[0]) for mark in item.iter_markers("feature")})
            if named:
                self._features[item.nodeid] = named

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that never came to its call ended with its setup; a torn teardown fails it."""
        if report.nodeid in self._features and (report.when == "call" or not report.passed):
            features = self._features[report.nodeid]
            digest = digest_of(report.nodeid)
            self._made[report.nodeid] = Result(features, report.outcome, digest)

    def pytest_sessionfinish(self) -> None:
        if self._made:
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_bytes(msgspec.json.encode(stored() | self._made))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Recorder(), "feature-recorder")


def stored() -> Results:
    """Results of earlier runs, without those of tests whose file has changed or gone since."""
    if not RESULTS.exists():
        return {}
    found = msgspec.json.decode(RESULTS.read_bytes(), type=Results)
    return {test: one for test, one in found.items() if one.digest == digest_of(test)}


@cache
def digest_of(test: str) -> str:
    """What the file of a test says now; "" if it is gone."""
    file = ROOT / test.partition("::")[0]
    return sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def is_fresh() -> bool:
    """Whether no source has changed since the results were written."""
    files = (file for folder in SOURCES for file in (ROOT / folder).rglob("*.py"))
    newest = max(file.stat().st_mtime for file in files)
    return RESULTS.exists() and RESULTS.stat().st_mtime >= newest


def passing(results: Mapping[str, Result], rows: Iterable[str]) -> dict[str, list[str]]:
    """Id → the passing tests that carry it, those over the public interface first."""
    proofs: dict[str, list[str]] = {row: [] for row in rows}
    for test, result in sorted(results.items()):
        for feature in result.features if result.outcome == "passed" else ():
            proofs.setdefault(feature, []).append(test)
    return {
        row: sorted(tests, key=lambda test: not is_public(test)) for row, tests in proofs.items()
    }


def is_public(test: str) -> bool:
    return test.startswith(PUBLIC)


def state_of(tests: Iterable[str]) -> str:
    known = list(tests)
    if any(map(is_public, known)):
        return DONE
    return PARTLY if known else OPEN


def told(rows: Mapping[str, str], proofs: Mapping[str, list[str]], failed: Iterable[str]) -> str:
    """The whole table, and what it comes to."""
    states = {row: state_of(proofs[row]) for row in rows}
    lines = [
        f"{row:<5}{states[row]:<21}{len(proofs[row]):>4}  {title}" for row, title in rows.items()
    ]
    counts = [f"{list(states.values()).count(state)} {state}" for state in (DONE, PARTLY, OPEN)]
    lines += ["", f"{', '.join(counts)}, of {len(rows)}"]
    lines += [f"failed: {test}" for test in failed]
    return "\n".join(lines)


def main() -> int:
    """Run all tests unless nothing has changed since the last run; exit 1 if a marked one failed."""
    parser = ArgumentParser(description=main.__doc__)
    parser.add_argument("--stored", action="store_true", help="run nothing: show what is known")
    if not parser.parse_args().stored and not is_fresh():
        pytest.main(["-q", "-p", "tests.features"])
    rows: dict[str, str] = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    results = stored()
    proofs = passing(results, rows)
    failed = [test for test, result in results.items() if result.outcome == "failed"]
    sys.stdout.write(told(rows, proofs, failed) + "\n")
    FEATURES.parent.mkdir(exist_ok=True)
    FEATURES.write_bytes(msgspec.json.format(msgspec.json.encode(proofs)))
    unknown = sorted(proofs.keys() - rows.keys())
    if unknown:
        sys.stdout.write(f"marked with ids that are not promised: {', '.join(unknown)}\n")
    return 1 if failed or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
