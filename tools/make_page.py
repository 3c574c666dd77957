"""Write a page in which an exported tracker follows a target in a video or a camera, in a browser.

OUT is a folder that any web server can serve. The page needs nothing else: the networks run in the
browser, by onnxruntime-web, whose files are put into the folder.
"""
import argparse
from pathlib import Path

from cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tracker', type=Path, metavar='TRACKER.onnx',
                        help='file written by tools/export.py')
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write')
    parser.add_argument('--also', type=Path, metavar='OTHER.onnx',
                        help='a second tracker, such as the teacher, to be seen beside it')
    parser.add_argument('--package', type=Path, metavar='FOLDER', help='the unpacked npm package '
                        'onnxruntime-web (default: npm fetches it, once)')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from web_page.write import write_page

    files = [args.tracker, *([args.also] if args.also else [])]
    size = write_page(args.out, files, args.package)
    print(f'{args.out / "index.html"} ({size / 1e6:.0f} MB with all that it needs); serve it by '
          f'python3 -m http.server --directory {args.out}, and open http://localhost:8000')


if __name__ == '__main__':
    run(parse_args, main)
