"""`perennial import orders | leads`: any company's export into the public interface, with a word on every row."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from lead_intake.imports.leads import LeadMapping, parse_lead_mapping
from lead_intake.imports.mapping import Layout, Mapping, MappingError, read_mapping
from lead_intake.imports.reading import open_table
from lead_intake.imports.run import Import, Told, run_import
from lead_intake.imports.sending import BulkSender, SendingError
from lead_intake.imports.suggest import Suggesting, suggest_lead_mapping, suggest_mapping
from msgspec.structs import replace

from perennial_cli.desk import Desk, command
from perennial_cli.driving import token
from perennial_cli.showing import Show
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

ROLE = "operator"
_SAMPLE = 1_000
app = typer.Typer(help="Bring your own data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Bring your own data."""


def register(above: typer.Typer) -> None:
    command(app)(orders)
    command(app)(leads)
    above.add_typer(app, name="import")


File = Annotated[Path, typer.Argument(help="CSV, fixed width; gzip as well.")]
Columns = Annotated[Path | None, typer.Option(help="What the columns mean (YAML).")]
Source = Annotated[str, typer.Option(help="Whose ids these are, instead of the mapping's.")]
Report = Annotated[Path | None, typer.Option(help="A word on every row: .csv or .ndjson.")]
Suggest = Annotated[bool, typer.Option("--suggest", help="Only propose a mapping.")]


def orders(
    desk: Desk,
    file: File,
    mapping: Columns = None,
    source: Source = "",
    report: Report = None,
    suggest: Suggest = False,
) -> None:
    """Import orders. Stopped, it goes on where it was; twice, nothing doubles. Exit 1 if a row was rejected."""
    if suggest:
        _propose(desk.show, file, source, suggest_mapping)
    else:
        meaning = mapping_in(_explained(mapping, "orders", file), source)
        _bring(desk, Import(file, meaning, _report_of(file, report)))


def leads(
    desk: Desk,
    file: File,
    mapping: Columns = None,
    source: Source = "",
    report: Report = None,
    suggest: Suggest = False,
) -> None:
    """Import leads and how they ended. Stopped, it goes on where it was; twice, nothing doubles."""
    if suggest:
        _propose(desk.show, file, source, suggest_lead_mapping)
    else:
        meaning = lead_mapping_in(_explained(mapping, "leads", file), source)
        _bring(desk, Import(file, meaning, _report_of(file, report)))


def _explained(mapping: Path | None, what: str, file: Path) -> Path:
    if mapping is None:
        cure = f"Propose one with `perennial import {what} {file} --suggest > mapping.yaml`."
        raise Trouble("the columns must be explained by --mapping", cure)
    return mapping


def _report_of(file: Path, report: Path | None) -> Path:
    return report or Path(f"{file.name}.report.csv")


def _bring(desk: Desk, job: Import) -> None:
    told = _imported(desk, job)
    desk.show.rows([{"facts": told.sent, **told.counts, "report": str(job.report)}])
    if told.counts.get("rejected"):
        raise typer.Exit(ANSWER_IS_NO)


def _imported(desk: Desk, job: Import) -> Told:
    addresses = desk.addresses()
    sender = BulkSender(addresses.url("lead-intake"), token(addresses, ROLE))
    try:
        with desk.show.aside.status("reading") as status:
            return run_import(
                job, sender, lambda told: status.update(f"{told.sent:,} of {told.of:,} facts sent")
            )
    except MappingError as error:
        raise Trouble(f"{job.file} does not fit the mapping: {error}") from error
    except SendingError as error:
        raise Trouble(
            f"stopped: {error}", "Run the same again: it goes on where it stopped."
        ) from error
    finally:
        sender.close()


def mapping_in(file: Path, source: str = "") -> Mapping:
    """The mapping of a file, or what is wrong with it in one line."""
    try:
        mapping = read_mapping(file)
    except MappingError as error:
        raise Trouble(str(error)) from error
    return replace(mapping, source=source) if source else mapping


def lead_mapping_in(file: Path, source: str = "") -> LeadMapping:
    """The same of a lead list or pipeline export."""
    try:
        mapping = parse_lead_mapping(file.read_bytes(), str(file))
    except (MappingError, OSError) as error:
        raise Trouble(str(error)) from error
    return replace(mapping, source=source) if source else mapping


def meaning_in(file: Path, source: str = "") -> Mapping | LeadMapping:
    """A mapping of either kind: only orders are of a `customer`."""
    try:
        told = msgspec.yaml.decode(file.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, OSError) as error:
        raise Trouble(f"{file}: {error}") from error
    return mapping_in(file, source) if "customer" in told else lead_mapping_in(file, source)


def _propose(show: Show, file: Path, source: str, suggest: Suggesting) -> None:
    try:
        with open_table(file, Layout()) as table:
            sample = [cells or [] for _, cells in islice(table.rows, _SAMPLE)]
            found = suggest(table.columns, sample, source or "my-shop")
    except (MappingError, UnicodeError) as error:
        raise Trouble(f"{file} can't be read as a table: {error}") from error
    typer.echo(found.document, nl=False)
    for question in found.questions:
        show.remark(question)
