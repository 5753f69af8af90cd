"""`perennial export-decision ID`: one recorded decision as a runnable test."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from perennial.contracts.platform import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.trouble import ANSWER_IS_NO, Trouble
from perennial_cli.whatif import wish_for


def register(app: typer.Typer) -> None:
    command(app)(export_decision)


def export_decision(
    desk: Desk,
    decision: Annotated[str, typer.Argument(help="Id of the event, as `perennial tail` shows it.")],
    to: Annotated[Path | None, typer.Option(help="The file; default: test_<id>.py here.")] = None,
) -> None:
    """Write the facts and the policy that one decision rests on as a pytest file."""
    with desk.show.aside.status("folding up to it"):
        done = subprocess.run(
            [sys.executable, "-m", "perennial.kit.boxing", decision],
            input=json.dumps(wish_for(desk, list(SERVICES))),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == ANSWER_IS_NO and not done.stderr:
        raise Trouble(
            f"no service has made an event {decision}", "Take the id from `perennial tail`."
        )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise Trouble(f"{decision} could not be exported: {last[0]}", "Run `perennial doctor`.")
    file = to or Path(f"test_{decision.replace('-', '_')}.py")
    file.write_text(done.stdout, encoding="utf-8")
    desk.show.say(f"written: {file}; run it with pytest")
    if desk.show.as_json:
        desk.show.json({"decision": decision, "file": str(file)})
