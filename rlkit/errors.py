"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake in what was asked for; the command line prints its sentence without a traceback.

    The sentence says what was given, what was expected and what to do. Bugs of ours are never a UserError.

    Args:
        message: The sentence.
        exit_code: 2 when the command was used wrongly, 1 when a correct command could not be carried out.
    """

    def __init__(self, message: str, exit_code: int = 2):
        super().__init__(message)
        self.exit_code = exit_code
