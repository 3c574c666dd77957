"""How every tool ends."""
import sys
from collections.abc import Callable

TRACEBACK = '--traceback'


def run(main: Callable[[], int | None]) -> None:
    """Call ``main`` and exit with what it returns; bad input ends in one line, exit status 2.

    ``--traceback`` on any tool's command line shows where the error came from.
    """
    debug = TRACEBACK in sys.argv
    if debug:
        sys.argv.remove(TRACEBACK)
    try:
        sys.exit(main())
    except (ValueError, OSError, ImportError) as error:
        # Python names the module it could not import; our own errors name the extra instead.
        if debug or getattr(error, 'name', None):
            raise
        # An error in a worker of a data loader carries its traceback; its last line says it all.
        print(f'error: {str(error).strip().splitlines()[-1]}', file=sys.stderr)
        sys.exit(2)
