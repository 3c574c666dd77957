"""The folder of a page: its own files, those of the trackers, and onnxruntime-web."""
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmct.runtime import open_network
from mmct.runtime.backends import template_file
from mmct.runtime.network import Network, NetworkInfo
from mmct.utils.files import atomic_write, errors_of, write_text

HERE = Path(__file__).parent
OWN = ('index.html', 'page.css', 'page.js', 'sources.js', 'worker.js', 'tracker.js', 'geometry.js')
LIST = 'trackers.json'
VERSION = '1.30.0'
PACKAGE = f'onnxruntime-web@{VERSION}'
CACHE = Path('~/.cache/mmct')
# Of dist/ in the package, with their SHA-256: what runs on the processor, and on WebGPU.
RUNTIME = {
    'ort.wasm.min.mjs': '219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b',
    'ort-wasm-simd-threaded.mjs':
        'e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b',
    'ort-wasm-simd-threaded.wasm':
        '3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2',
    'ort.webgpu.min.mjs': '3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0',
    'ort-wasm-simd-threaded.asyncify.mjs':
        '3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28',
    'ort-wasm-simd-threaded.asyncify.wasm':
        '39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da',
}


def write_page(out: Path, trackers: Sequence[Path], package: Path | None = None) -> int:
    """Write the page.

    Args:
        out: folder; a page that was written there before is replaced.
        trackers: exported files, of one tracker or two.
        package: folder of the unpacked npm package; fetched by npm if None.

    Returns:
        bytes of the folder's files.

    Raises:
        FileNotFoundError: a file or npm is missing.
        ValueError: the page cannot run a tracker, ``package`` is another one, ``out`` holds
            something else.
    """
    listed = [listing(path, f'{i}-') for i, path in enumerate(trackers)]
    if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / LIST).is_file()):
        raise ValueError(f'{out} exists and holds no page; give a new folder')
    runtime = read_folder(package) if package else read_archive(fetched())
    for name, content in runtime.items():
        if hashlib.sha256(content).hexdigest() != RUNTIME[name]:
            raise ValueError(f'{name} is not that of {PACKAGE}; give the folder that comes out of '
                             f'what `npm pack {PACKAGE}` writes')
    # They may lie in the folder, from an earlier page.
    copies = {own['files'][part]: file.read_bytes() for path, own in zip(trackers, listed)
              for part, file in (('step', path), ('templates', template_file(path)))}
    with errors_of(out):
        (out / 'ort').mkdir(parents=True, exist_ok=True)
        write_text(out / LIST, json.dumps(listed))
        for name, content in runtime.items():
            # Not all servers know what an .mjs is.
            name = name.replace('.min.mjs', '.mjs').replace('.mjs', '.js')
            (out / 'ort' / name).write_bytes(content)
        for old in out.glob('[01]-tracker*.onnx'):
            old.unlink()
        for name, content in copies.items():
            (out / name).write_bytes(content)
        for name in OWN:
            shutil.copyfile(HERE / name, out / name)
    return sum(file.stat().st_size for file in out.rglob('*') if file.is_file())


def listing(path: Path, prefix: str) -> dict:
    """What the page has to know of a tracker; its files there begin with ``prefix``."""
    if path.suffix != '.onnx':
        raise ValueError(f'{path}: a browser runs .onnx; export the tracker again, by '
                         'tools/export.py CONFIG WEIGHTS OUT.onnx')
    network = open_network(path, backend='onnxruntime')
    info = network.info
    if fault := unknown(info):
        raise ValueError(f'{path} {fault}, which the page does not know; it follows with OSTrack '
                         'and VitTrack, their students, and others whose template stays')
    copies = info.templates.get('copies', 1)
    files = dict(step=f'{prefix}tracker.onnx', templates=f'{prefix}tracker.template.onnx')
    return dict(name=path.stem, info=info._asdict(), copies=copies, files=files, expected={
        name: [float(f'{value:.6g}') for value in values.ravel()]
        for name, values in outputs_of_pattern(network, copies).items()})


def outputs_of_pattern(network: Network, copies: int) -> dict[str, np.ndarray]:
    """What a network gives for crops of a pattern, as ``worker.js`` makes it, to compare."""
    template, search = (
        (31 * (i := np.arange(3 * side * side)) + 17 * (i // 7)).astype(np.uint8).reshape(
            1, side, side, 3) for side in (network.info.template_size, network.info.search_size))
    box = np.array([0.25, 0.25, 0.5, 0.5], np.float32) * network.info.template_size
    encoded = network.encode(template.repeat(copies, 0), np.stack([box] * copies))
    return network.step([encoded], search)


def unknown(info: NetworkInfo) -> str:
    """What a tracker has that ``tracker.js`` does not know; nothing if it knows all."""
    if info.memory[0]:
        return 'has a memory'
    if info.templates['type'] != 'Fixed':
        return f'changes its templates ({info.templates["type"]})'
    if info.head not in ('center', 'corner'):
        return f'has the head {info.head!r}'
    return 'has stretched boxes' if info.stretched_boxes else ''


def fetched() -> Path:
    """The archive of the npm package; fetched if it is not in the cache."""
    cache = CACHE.expanduser()
    archive = cache / f'onnxruntime-web-{VERSION}.tgz'
    if archive.is_file():
        return archive
    npm = shutil.which('npm')
    if npm is None:
        raise FileNotFoundError(
            f'npm, which fetches {PACKAGE}, is not found: install it (Debian and Ubuntu: npm), or '
            'give the folder of the unpacked package by --package')
    cache.mkdir(parents=True, exist_ok=True)
    with atomic_write(archive) as part:
        folder = part.with_suffix('.folder')
        folder.mkdir(exist_ok=True)
        try:
            # Its own two retries without a network take minutes.
            done = subprocess.run([npm, 'pack', PACKAGE, '--loglevel=error', '--fetch-retries=0',
                                   '--pack-destination', folder],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ['it does not say why'])[0]
                raise ValueError(f'npm cannot fetch {PACKAGE} ({reason}); try again, or give the '
                                 'folder of the unpacked package by --package')
            (folder / archive.name).replace(part)
        finally:
            shutil.rmtree(folder)
    return archive


def read_archive(archive: Path) -> dict[str, bytes]:
    """What the page needs of the package, from its archive."""
    try:
        with tarfile.open(archive, 'r:gz') as package:
            return {name: package.extractfile(f'package/dist/{name}').read() for name in RUNTIME}
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise ValueError(f'{archive} is broken ({error}); delete it, and it is fetched again'
                         ) from None


def read_folder(package: Path) -> dict[str, bytes]:
    """Likewise, from its folder."""
    dist = package / 'dist'
    if not dist.is_dir():
        raise FileNotFoundError(f'{package} is not the unpacked npm package {PACKAGE}: it has no '
                                'folder dist')
    return {name: (dist / name).read_bytes() for name in RUNTIME}
