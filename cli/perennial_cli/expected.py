"""Which faults of libraries are expected, and what each means to a person."""

from pathlib import Path

import aiohttp
import httpx
from aiokafka.errors import KafkaError
from perennial.kit.reading import MissingTopicError
from perennial.kit.settle import UnsettledError
from perennial_embedded.access import TopicMismatchError
from perennial_embedded.home import AlreadyRunningError
from perennial_embedded.state import NotRunningError
from perennial_embedded.supervisor import StartError

from perennial_cli.trouble import Trouble

SEE_DOCTOR = "Run `perennial doctor` to see what is wrong."
EXPLAINED = (AlreadyRunningError, NotRunningError, StartError, TopicMismatchError, UnsettledError)
"""Their own words name the cure."""


def in_one_line(error: Exception, home: Path) -> Trouble | None:
    """The fault with its cure; None if it is a defect of ours, which deserves its traceback."""
    match error:
        case Trouble():
            return error
        case httpx.TransportError() | aiohttp.ClientError():
            return Trouble(
                f"a service does not answer ({error or type(error).__name__})", SEE_DOCTOR
            )
        case KafkaError():
            return Trouble(f"Kafka does not answer ({error or type(error).__name__})", SEE_DOCTOR)
        case MissingTopicError():
            return Trouble(str(error), "`perennial down`, then `perennial up` makes new topics.")
        case FileNotFoundError() | PermissionError() | IsADirectoryError():
            return Trouble(f"{error.filename}: {error.strerror}")
    if isinstance(error, EXPLAINED):
        return Trouble(str(error).rstrip("."))
    if isinstance(error, LookupError) and str(home) in str(error):
        return Trouble(
            str(error).strip("'\""), "Was this home made by an older version? Start it anew."
        )
    return None
