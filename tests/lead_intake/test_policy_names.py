"""What a policy may call things."""

import msgspec
import pytest
from lead_intake.policy.turnover import Warn


def test_names_that_would_break_a_timers_name_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="rung"):
        msgspec.convert({"rung": "a/b", "before": "5d"}, Warn)
