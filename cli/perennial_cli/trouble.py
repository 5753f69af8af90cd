"""What a person can mend, said in one line with the cure; and the codes that scripts may rely on."""

ANSWER_IS_NO = 1
"""The question was answered, and the answer is not the wished one: a difference, a parked fact."""
CANNOT = 3
"""Nothing could be done: the system doesn't run, a service doesn't answer, a file isn't there."""


class Trouble(Exception):
    """An expected fault: `what` happened, and the `cure`."""

    def __init__(self, what: str, cure: str = "", code: int = CANNOT) -> None:
        super().__init__(f"{what}. {cure}" if cure else what)
        self.what, self.cure, self.code = what, cure, code
