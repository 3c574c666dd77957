"""tools/make_page.py, and its page in a browser."""
import json
import math
import shutil
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
from commands import ROOT, run_tool
from web_page import write

from mmct import load_tracker
from mmct.deploy import export_tracker
from mmct.runtime import Tracker, geometry
from mmct.runtime.network import NetworkInfo

for package in ('onnx', 'onnxruntime'):
    pytest.importorskip(package, reason='the extra deploy is not installed')

NAMES = ['teacher', 'other']
BOX = ('Left', 'Top', 'Width', 'Height')
WIDTH, HEIGHT, SIDE = 32, 28, 8  # of the target, and of the squares behind it
FRAMES, GONE = 101, range(30, 40)  # in which the target is not seen
LOST = 0.4  # the teacher's score of a target is above it, of none below
INFO = NetworkInfo(template_size=32, search_size=64, template_factor=2, search_factor=4, margin=10,
                   grid=4, head='center')


def place(i: float) -> tuple[int, int]:
    """Left and top of the target, which comes back after 120 frames."""
    angle = 2 * math.pi * i / 120
    return round(140 + 80 * math.sin(angle)), round(100 + 50 * math.sin(2 * angle))


def frame(i: float, shape=(240, 320)) -> np.ndarray:
    """A red frame around white moves over squares of grey."""
    grey = np.random.default_rng(0).integers(60, 200, (shape[0] // SIDE, shape[1] // SIDE, 1))
    image = cv2.resize(grey.astype(np.uint8).repeat(3, 2), shape[::-1], interpolation=0)
    if i not in GONE:
        x, y = place(i)
        image[y:y + HEIGHT, x:x + WIDTH] = 0, 0, 255
        image[y + 8:y + 20, x + 8:x + 24] = 255
    return image


@pytest.fixture(scope='module')
def trackers(tmp_path_factory) -> list[Path]:
    """The demo's teacher, and a tracker that learned nothing, with a corner head, exact crops and
    boxes that are shrunk."""
    folder = tmp_path_factory.mktemp('trackers')
    demo = ROOT / 'configs/demo/ostrack_tiny.py'
    demo = load_tracker(demo, demo.with_suffix('.pth'))
    other = tiny.build(dict(tiny.tracker('CornerHead'),
                            test_cfg=dict(exact_crops=True, shrink=0.5)))
    files = [folder / f'{name}.onnx' for name in NAMES]
    for file, tracker in zip(files, (demo, other)):
        export_tracker(tracker, file)
    return files


@pytest.fixture(scope='module')
def images(tmp_path_factory) -> list[Path]:
    """Frames as PNG, which every program decodes to the same."""
    folder = tmp_path_factory.mktemp('images')
    files = [folder / f'{i}.png' for i in range(FRAMES)]
    for i, file in enumerate(files):
        cv2.imwrite(str(file), frame(i))
    return files


# Writing it

@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A folder that passes for the npm package, so that nothing is fetched."""
    (tmp_path / 'package/dist').mkdir(parents=True)
    monkeypatch.setattr(write, 'RUNTIME', dict.fromkeys(write.RUNTIME, write.hashlib.sha256(
        b'runtime').hexdigest()))
    for name in write.RUNTIME:
        (tmp_path / 'package/dist' / name).write_bytes(b'runtime')
    return tmp_path / 'package'


def test_files(trackers, package, tmp_path):
    out = tmp_path / 'out'
    for others in (['--also', trackers[1]], []):  # the second replaces the first
        done = run_tool('make_page.py', trackers[0], out, *others, '--package', package)
        assert (done.status, done.err) == (0, '')
        assert f'{out / "index.html"} (' in done.out
        listed = json.loads((out / write.LIST).read_text())
        assert [own['name'] for own in listed] == NAMES[:len(listed)]
        assert len(list(out.glob('*.onnx'))) == 2 * len(listed) == 2 + len(others)
    assert {path.suffix for path in (out / 'ort').iterdir()} == {'.js', '.wasm'}
    # From the page's own files, which are all that is left.
    (out / 'notes.onnx').touch()
    own = (out / '0-tracker.onnx').read_bytes()
    done = run_tool('make_page.py', out / '0-tracker.onnx', out, '--package', package)
    assert (done.status, done.err) == (0, '')
    assert (out / '0-tracker.onnx').read_bytes() == own
    assert (out / 'notes.onnx').exists()


@pytest.mark.parametrize(('changes', 'fault'), [
    ({'memory': (1, 8)}, 'has a memory'),
    ({'templates': {'type': 'BestOfInterval'}}, r'changes its templates \(BestOfInterval\)'),
    ({'head': 'edge'}, "has the head 'edge'"),
    ({'stretched_boxes': True}, 'has stretched boxes')])
def test_trackers_that_the_page_cannot_run(changes, fault, monkeypatch):
    opened = type('Network', (), {'info': INFO._replace(**changes)})
    monkeypatch.setattr(write, 'open_network', lambda path, backend: opened)
    with pytest.raises(ValueError, match=f'^some.onnx {fault}, which the page does not know; '):
        write.listing(Path('some.onnx'), '')


def test_bad_input(trackers, package, tmp_path, monkeypatch):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full/work.txt').touch()
    changed = shutil.copytree(package, tmp_path / 'changed')
    (changed / 'dist/ort.webgpu.min.mjs').write_bytes(b'another')
    monkeypatch.setattr(write, 'CACHE', tmp_path / 'cache')
    out = tmp_path / 'out'
    for args, message in (
            (['x.xml', out], 'x.xml: a browser runs .onnx; export the tracker again'),
            (['none.onnx', out], 'none.onnx does not exist'),
            ([trackers[0], tmp_path / 'full'], 'exists and holds no page'),
            ([trackers[0], out, '--package', tmp_path], 'has no folder dist'),
            ([trackers[0], out, '--package', changed], 'ort.webgpu.min.mjs is not that of onnxru')):
        done = run_tool('make_page.py', *args)
        assert (done.status, done.err.count('\n')) == (2, 1)
        assert message in done.err
    monkeypatch.setenv('PATH', str(tmp_path))
    for message in ('npm, which fetches onnxruntime-web@',
                    f'npm cannot fetch {write.PACKAGE} (npm error no network); try again'):
        done = run_tool('make_page.py', trackers[0], out)
        assert (done.status, done.err.count('\n')) == (2, 1)
        assert message in done.err
        (tmp_path / 'npm').write_text('#!/bin/sh\necho npm error no network >&2\nexit 1\n')
        (tmp_path / 'npm').chmod(0o755)
    assert list((tmp_path / 'cache').iterdir()) == []
    assert not out.exists()


def test_a_broken_archive(tmp_path):
    (tmp_path / 'broken.tgz').write_text('none')
    with pytest.raises(ValueError, match='broken.tgz is broken .*; delete it'):
        write.read_archive(tmp_path / 'broken.tgz')


# In a browser

@pytest.fixture(scope='module')
def site(trackers, tmp_path_factory):
    """The address of the page with both trackers."""
    try:
        write.fetched()
    except (FileNotFoundError, ValueError) as error:
        pytest.skip(f'there is no onnxruntime-web: {error}')
    out = tmp_path_factory.mktemp('page') / 'out'
    write.write_page(out, trackers)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=out))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


@pytest.fixture(scope='module')
def browser(launch, tmp_path_factory):
    """Chromium with a camera that sees the target."""
    video = tmp_path_factory.mktemp('camera') / 'camera.y4m'
    with open(video, 'wb') as file:
        file.write(b'YUV4MPEG2 W320 H240 F5:1 Ip A1:1 C420jpeg\n')
        for i in range(120):
            own = cv2.cvtColor(frame(i if i not in GONE else GONE.stop), cv2.COLOR_BGR2YUV_I420)
            file.write(b'FRAME\n' + own.tobytes())
    chromium = launch('--use-fake-device-for-media-stream',
                      f'--use-file-for-fake-video-capture={video}')
    yield chromium
    chromium.close()


class Page:
    """The page in a tab, with what its trackers found; seconds of ``patience`` for all."""

    def __init__(self, tab, site: str, patience: float = 60) -> None:
        self.tab, self.patience = tab, patience
        self.trouble, self.asked = [], []
        tab.on('console', lambda message: self.trouble.append(message.text))
        tab.on('pageerror', lambda error: self.trouble.append(str(error)))
        tab.on('request', lambda request: self.asked.append(request.url))
        tab.add_init_script("""
            window.all = [];
            addEventListener('followed', ({ target, detail }) => all.push(
              { ...detail, state: target.querySelector('.state').value }));""")
        tab.goto(site)

    def wait(self, found) -> list:
        """What ``found`` gives as soon as that is true."""
        end = time.monotonic() + self.patience
        while not (value := found()):
            assert time.monotonic() < end, self.tab.inner_text('body')
            self.tab.wait_for_timeout(30)
        return value

    def ready(self) -> 'Page':
        self.tab.locator('#files:enabled').wait_for(timeout=60000)
        return self

    def said(self, text: str) -> None:
        self.wait(lambda: text in self.tab.inner_text('#status'))

    def pick(self, *files: Path) -> None:
        self.tab.get_by_label('Video or images').set_input_files(list(files))
        self.said('Draw a box')

    def type_box(self, box) -> None:
        """As somebody without a pointer does."""
        for name, value in zip(BOX, box):
            self.tab.get_by_label(name, exact=True).fill(str(value))
        self.tab.keyboard.press('Enter')

    def draw_box(self, box) -> None:
        """With the mouse, in pixels of the frame."""
        canvas = self.tab.locator('canvas').first
        canvas.scroll_into_view_if_needed()
        area = canvas.bounding_box()
        scale = area['width'] / canvas.evaluate('(canvas) => canvas.width')
        x, y, w, h = (value * scale for value in box)
        self.tab.mouse.move(area['x'] + x, area['y'] + y)
        self.tab.mouse.down()
        self.tab.mouse.move(area['x'] + x + w, area['y'] + y + h, steps=3)
        self.tab.mouse.up()

    def found(self, name: str = NAMES[0]) -> list[dict]:
        return [own for own in self.tab.evaluate('all') if own['name'] == name]

    def forget(self) -> None:
        self.tab.evaluate('() => { all.length = 0; }')

    def still(self) -> bool:
        """Whether nothing is found for a second."""
        before = len(self.found())
        self.tab.wait_for_timeout(1000)
        return len(self.found()) == before

    def see(self, visible: bool) -> None:
        """Let the page believe that it is seen, or is not."""
        self.tab.evaluate("""(visible) => {
            Object.defineProperty(document, 'hidden', { value: !visible, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }""", visible)

    def seen(self) -> tuple[list[float], list[float]]:
        """x, y, w, h of what is red in the first picture, and of the box that is drawn over it."""
        return self.tab.evaluate("""() => {
            const canvas = document.querySelector('canvas');
            const box = document.querySelector('rect.box');
            const { width, height } = canvas;
            const copy = new OffscreenCanvas(width, height).getContext(
              '2d', { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const { data } = copy.getImageData(0, 0, width, height);
            const x = [], y = [];
            for (let i = 0; i < data.length; i += 4) {
                if (data[i] < data[i + 1] + 80) continue;
                x.push(i / 4 % width);
                y.push(Math.floor(i / 4 / width));
            }
            const [left, top] = [Math.min(...x), Math.min(...y)];
            return [[left, top, Math.max(...x) + 1 - left, Math.max(...y) + 1 - top],
                ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)))];
        }""")


@pytest.fixture(scope='module')
def opened(browser, site):
    """The page, loaded once, which takes seconds."""
    context = browser.new_context(permissions=['camera'], viewport=dict(width=1000, height=900))
    yield Page(context.new_page(), site).ready()
    context.close()


@pytest.fixture
def page(opened, site):
    """The page; afterwards nothing may have gone wrong, or been asked for elsewhere."""
    opened.forget()
    yield opened
    # Chromium says so of machines without a graphics card.
    assert [text for text in opened.trouble if text != 'No available adapters.'] == []
    assert [url for url in opened.asked if not url.startswith((site, 'data:', 'blob:'))] == []


def test_geometry_is_the_same(page):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (47, 61, 3), dtype=np.uint8)
    boxes = [[float(value) for value in (rng.uniform(-15, 65), rng.uniform(-15, 50),
                                         *np.exp(rng.uniform(-0.5, 4, 2)))] for _ in range(30)]
    boxes += [[math.ceil(value) for value in box] for box in boxes]  # whose squares end in halves
    cases = [(box, float(rng.choice([2, 4, 5])), int(rng.choice([12, 20, 32])), exact)
             for box in boxes for exact in (False, True)]
    maps = [rng.random(shape).astype(np.float32) for shape in ((8, 8), (2, 8, 8), (2, 8, 8))]
    last = [20.3, 11.7, 9.1, 14.2]
    own = page.tab.evaluate("""async ({ bytes, cases, maps, last }) => {
        const geometry = await import('./geometry.js');
        const read = (left, top, width, height) => Uint8Array.from(
            { length: 4 * width * height }, (_, i) => {
                const pixel = Math.floor(i / 4);
                const place = (top + Math.floor(pixel / width)) * 61 + left + pixel % width;
                return bytes[3 * place + 2 - i % 4]; });
        const frame = { width: 61, height: 47, read };
        const [score, size, offset] = maps.map((values) => Float32Array.from(values));
        const window = geometry.hannWindow(8);
        const decoded = ['chosen', 'windowed', 'highest'].map(
            (report) => geometry.decodeCenter({ score, size, offset }, window, report));
        return {
            crops: cases.map(([box, factor, size, exact]) => {
                const out = new Uint8Array(3 * size * size).fill(9);
                const scale = geometry.cropSquare(frame, box, factor, size, out, exact);
                return [scale, Array.from(out), Array.from(geometry.templateBox(box, scale, size))];
            }),
            window: Array.from(window), decoded,
            back: decoded.map(([box]) => geometry.mapBack(box, last, 1.7, 64)),
            clipped: cases.map(([box]) => geometry.clipBox(box, frame, 10)),
            shrunk: cases.map(([box]) => geometry.shrinkBox(box, 0.5)),
        };
    }""", dict(bytes=image.ravel().tolist(), cases=cases, last=last,
               maps=[values.ravel().tolist() for values in maps]))
    for (box, factor, size, exact), (scale, crop, template) in zip(cases, own['crops']):
        expected, expected_scale = geometry.crop_square(image, box, factor, size, exact=exact)
        assert scale == expected_scale
        np.testing.assert_array_equal(np.reshape(crop, expected.shape), expected, str(box))
        np.testing.assert_allclose(template, geometry.template_box(box, scale, size), rtol=1e-6)
    window = geometry.hann_window(8)
    np.testing.assert_allclose(own['window'], window.ravel(), rtol=1e-6)
    decoded = [geometry.decode_center(*maps, window, report)
               for report in ('chosen', 'windowed', 'highest')]
    assert own['decoded'] == [[list(box), pytest.approx(score)] for box, score in decoded]
    assert own['back'] == [list(geometry.map_back(box, last, 1.7, 64)) for box, _ in decoded]
    assert own['clipped'] == [list(geometry.clip_box(box, 47, 61, 10)) for box, *_ in cases]
    assert own['shrunk'] == [list(geometry.shrink_box(box, 0.5)) for box, *_ in cases]


def test_boxes_are_those_of_python(page, trackers, images):
    """Of both trackers, over 100 frames, in some of which the target is not seen."""
    page.pick(*reversed(images))  # it puts them in order itself
    page.tab.get_by_label('Lost below a score of').fill(str(LOST))
    start = [*place(0), WIDTH, HEIGHT]
    page.type_box(start)
    page.said('The end.')
    page.wait(lambda: len(page.found(NAMES[1])) == FRAMES - 1)
    for name, file in zip(NAMES, trackers):
        tracker = Tracker(file)
        tracker.init(cv2.imread(str(images[0])), start)
        expected = [tracker.update(cv2.imread(str(image))) for image in images[1:]]
        own = page.found(name)
        np.testing.assert_allclose([one['box'] for one in own], [box for box, _ in expected],
                                   rtol=0, atol=0.01)
        np.testing.assert_allclose([one['score'] for one in own], [score for _, score in expected],
                                   rtol=0, atol=1e-4)
    first = page.found()
    lost = {i for i, own in enumerate(first, 1) if own['state'] == 'lost'}
    assert set(GONE[2:]) <= lost <= set(range(GONE.start, GONE.stop + 5))
    page.forget()
    page.tab.get_by_role('button', name='Again').click()
    assert page.wait(page.found)[0]['box'] == first[0]['box']


@pytest.mark.slow  # where the video is when the tab is hidden depends on the machine's load
def test_a_video(page, tmp_path):
    """Of another size than the images before it, with a box that is drawn by the mouse."""
    shape, places = (176, 300), np.arange(60, 75, 1 / 3)
    video = cv2.VideoWriter(str(tmp_path / 'video.webm'), cv2.VideoWriter_fourcc(*'VP90'), 20,
                            shape[::-1])
    for i in places:
        video.write(frame(i, shape))
    video.release()
    page.pick(tmp_path / 'video.webm')
    assert page.tab.locator('canvas').first.evaluate(
        '(canvas) => [canvas.height, canvas.width]') == list(shape)
    page.draw_box([*place(places[0]), WIDTH, HEIGHT])
    page.wait(page.found)
    typed = [float(page.tab.get_by_label(name, exact=True).input_value()) for name in BOX]
    assert typed == pytest.approx([*place(places[0]), WIDTH, HEIGHT], abs=1)
    # Another tab is looked at.
    page.see(False)
    page.wait(page.still)
    seen = len(page.found())
    assert seen < len(places) - 1
    page.see(True)
    page.said('The end.')
    page.wait(page.still)
    assert len(page.found()) > seen
    red, box = page.seen()
    np.testing.assert_allclose(red, [*place(places[-1]), WIDTH, HEIGHT], atol=3)
    np.testing.assert_allclose(box, red, atol=8)
    # A window of another size: the box stays on the target.
    for width in (500, 1000):
        page.tab.set_viewport_size(dict(width=width, height=900))
        area = page.tab.locator('canvas').first.bounding_box()
        own = page.tab.locator('rect.box').first.bounding_box()
        scale = area['width'] / shape[1]
        assert area['height'] == pytest.approx(scale * shape[0], abs=1)
        np.testing.assert_allclose([(own['x'] - area['x']) / scale, (own['y'] - area['y']) / scale],
                                   box[:2], atol=3)


def test_a_camera(page):
    """The picture stands still while a box is drawn."""
    page.tab.get_by_role('button', name='Camera').click()
    page.said('Draw a box')
    area = page.tab.locator('canvas').first.bounding_box()
    page.tab.mouse.move(area['x'] + 1, area['y'] + 1)
    page.tab.mouse.down()
    page.tab.wait_for_timeout(500)
    target = page.seen()[0]
    page.tab.wait_for_timeout(500)
    assert page.seen()[0] == target
    page.tab.mouse.up()
    page.said('That box is too small')
    page.wait(lambda: page.seen()[0] != target)
    page.tab.get_by_role('button', name='Pause').click()
    page.tab.wait_for_timeout(500)
    target = page.seen()[0]
    page.draw_box(target)
    page.wait(lambda: len(page.found()) > 7)
    red, box = page.seen()
    np.testing.assert_allclose(box, red, atol=10)
    assert red[:2] != pytest.approx(target[:2], abs=5)
    assert page.tab.locator('.fps').first.inner_text() != '–'


def test_what_cannot_be_opened(page, tmp_path):
    for name, message in (('a.mp4', 'This browser cannot play it'), ('a.png', 'A.png is no image')):
        (tmp_path / name).write_text('nothing')
        page.tab.get_by_label('Video or images').set_input_files(tmp_path / name)
        page.said(message)
        assert not page.tab.locator('#box').is_visible()


def test_a_box_outside_the_frame(page, images):
    page.pick(*images[:2])
    page.type_box([400, 10, 20, 20])
    page.said('The box lies outside the frame of 320 × 240 pixels')


def test_a_camera_that_is_refused(page):
    page.tab.context.clear_permissions()
    page.tab.get_by_role('button', name='Camera').click()
    page.said('The camera was refused')


@pytest.mark.slow
def test_webgpu(launch, site, trackers, images):
    """On a graphics card that the processor pretends to be, seconds a frame."""
    chromium = launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader',
                      '--enable-features=Vulkan', '--use-vulkan=swiftshader')
    page = Page(chromium.new_page(), site, patience=300).ready()
    compute = page.tab.get_by_label('Compute on')
    assert compute.input_value() == 'wasm'
    compute.select_option('webgpu')
    page.said('Pick a video')
    page.pick(*images[:2])
    page.type_box([*place(0), WIDTH, HEIGHT])
    page.wait(lambda: len(page.tab.evaluate('all')) == 2)
    assert compute.input_value() == 'webgpu'
    for name, file in zip(NAMES, trackers):
        tracker = Tracker(file)
        tracker.init(frame(0), [*place(0), WIDTH, HEIGHT])
        np.testing.assert_allclose([own['box'] for own in page.found(name)],
                                   [tracker.update(frame(1))[0]], rtol=0, atol=0.01)
    # What does not compute what Python did is not used.
    page.tab.route('**/trackers.json', changed_list)
    page.tab.reload()
    page.said('Teacher: it computes another score than Python does')
    chromium.close()


def changed_list(route) -> None:
    """The list of trackers with another score to be expected."""
    listed = route.fetch().json()
    listed[0]['expected']['score'][0] += 1
    route.fulfill(json=listed)
