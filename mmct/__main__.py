"""The command ``mmct``: ``mmct TOOL …`` is ``python tools/TOOL.py …``, from any folder."""
import ast
import runpy
import sys
from pathlib import Path

SHORT = {'track': 'demo_video'}
# Beside the package in a clone, also if that is installed as editable; otherwise in it.
PLACES = [Path(__file__).parents[1] / 'tools', Path(__file__).parent / '.mim/tools']


def main() -> None:
    """Run the tool that the command line names, or list all."""
    folder = next((place for place in PLACES if (place / 'demo_video.py').is_file()), None)
    if folder is None:
        sys.exit(f'error: this installation of mmct has no tools; they were expected in '
                 f'{" or ".join(map(str, PLACES))}')
    tools = {file.stem: file for file in sorted(folder.glob('*.py')) if file.stem != 'cli'}
    tools.update({name: tools[tool] for name, tool in SHORT.items()})
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    if name in ('-h', '--help'):
        lines = [f'{own:<26}{ast.get_docstring(ast.parse(file.read_text())).splitlines()[0]}\n'
                 for own, file in sorted(tools.items())]
        # At once, as `| head` may close the pipe after the first lines.
        sys.stdout.write(''.join(['usage: mmct TOOL …; mmct TOOL --help says more\n\n', *lines]))
        return
    if name.replace('-', '_') not in tools:
        print(f'error: {name} is not one of the tools {", ".join(sorted(tools))}', file=sys.stderr)
        sys.exit(2)
    file = tools[name.replace('-', '_')]
    sys.argv[:2] = [str(file)]
    sys.path.insert(0, str(folder))
    runpy.run_path(str(file), dict(typed=f'mmct {name}'), '__main__')  # as help and errors call it


if __name__ == '__main__':
    main()
