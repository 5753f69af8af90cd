"""Every mutant finds the place of its patch, and a process whose mutant does not is no process at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.planted import MUTANTS

HERE = Path(__file__).parent
EACH = """
import os, sys
from planted import MUTANTS, plant

for name in MUTANTS:
    child = os.fork()
    if not child:
        try:
            plant(name)
        except BaseException as error:
            print(name, repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
"""


def _python(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    told = {**os.environ, "PYTHONPATH": str(HERE), **environment}
    return subprocess.run(
        [sys.executable, "-c", script], env=told, capture_output=True, text=True, check=False
    )


@pytest.mark.feature("P2")
def test_every_mutant_finds_its_place() -> None:
    assert len(MUTANTS) == 12
    ran = _python(EACH)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


@pytest.mark.feature("P2")
def test_a_mutant_that_has_no_place_ends_its_process() -> None:
    ran = _python("print('it goes on')", PERENNIAL_MUTANT="M0")
    assert (ran.returncode, ran.stdout) == (70, "")
