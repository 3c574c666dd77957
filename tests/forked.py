"""Python processes that begin with packages imported, which takes seconds only once."""
import json
import os
import subprocess
import sys
from pathlib import Path

# Reads (code, places to import from, folder) and answers with the exit status.
SERVER = """
import importlib, json, os, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    code, places, folder = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, name in enumerate((os.devnull, f'{folder}/out', f'{folder}/err')):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    sys.argv, sys.path[:0], status = ['-c'], places, 0
    try:
        exec(compile(code, '<string>', 'exec'), {'__name__': '__main__'})
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
"""


class Forks:
    """Processes forked from one that has done nothing but import some modules."""

    def __init__(self, *modules: str) -> None:
        env = {**os.environ, 'PYTHONPATH': '', 'OMP_NUM_THREADS': '1'}
        self.server = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', SERVER, *modules],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       env=env)

    def run(self, code: str, places: list[Path], folder: Path) -> subprocess.CompletedProcess:
        """What ``python -c`` does with code and PYTHONPATH; its output goes by a new folder."""
        folder.mkdir()
        given = json.dumps([code, [*map(str, places)], str(folder)])
        print(given, file=self.server.stdin, flush=True)
        status = int(self.server.stdout.readline())
        return subprocess.CompletedProcess(
            code, status, *((folder / name).read_text() for name in ('out', 'err')))

    def close(self) -> None:
        """End the process of the imports."""
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()
