"""How every tool ends."""
import sys
from typing import Callable, Optional

TRACEBACK = '--traceback'


def run(main: Callable[[], Optional[int]]) -> None:
    """Call ``main`` and exit with what it returns; bad input ends in one line, exit status 2.

    ``--traceback`` on any tool's command line shows where the error came from.
    """
    debug = TRACEBACK in sys.argv
    if debug:
        sys.argv.remove(TRACEBACK)
    try:
        sys.exit(main())
    except (ValueError, OSError) as error:
        if debug:
            raise
        # An error in a worker of a data loader carries its traceback; its last line says it all.
        print(f'error: {str(error).strip().splitlines()[-1]}', file=sys.stderr)
        sys.exit(2)
