"""tools/report.py, and its page in a browser."""
import shutil

import cv2
import pytest
from commands import run_tool
from report_page.write import write_report
from two_trackers import LENGTH, NAMES

TEACHER = '<script>alert("teacher")</script>'


@pytest.fixture(scope='module')
def report(material, tmp_path_factory):
    """The folder of a report, and what the tool said."""
    out = tmp_path_factory.mktemp('report') / 'out'
    done = run_tool('report.py', f'{TEACHER}={material / "teacher"}', material / 'student',
                    '--annotations', material / 'annos', '--frames', material / 'frames', '--out',
                    out)
    assert done.status == 0, done.err
    return out, done.out


def test_files(report):
    out, said = report
    assert f'{out / "index.html"} (' in said
    assert {path.name for path in out.iterdir()} == {'index.html'} | {
        f'{name}.{kind}' for kind in ('png', 'pdf') for name in (
            'success', 'precision', 'norm_precision', 'speed', 'attributes', 'cost', 'sequences')}
    for path in out.glob('*.png'):
        assert cv2.imread(str(path)).std() > 5, path
    for path in out.glob('*.pdf'):
        assert path.read_bytes()[:5] == b'%PDF-'


def test_names_are_text(report):
    text = (report[0] / 'index.html').read_text()
    assert TEACHER not in text
    assert NAMES[2] not in text
    assert '&lt;script&gt;alert(1)&lt;b&gt;' in text


def test_what_cannot_be_shown_is_said(material, tmp_path):
    (tmp_path / 'annos').mkdir()
    (tmp_path / 'teacher').mkdir()
    for name in ('cat-1', 'dog-2'):
        shutil.copy(material / f'annos/{name}.txt', tmp_path / 'annos')
    shutil.copy(material / 'teacher/cat-1.txt', tmp_path / 'teacher')
    args = [tmp_path / 'teacher', '--annotations', tmp_path / 'annos', '--out', tmp_path / 'out']
    done = run_tool('report.py', *args)
    assert done.status == 0, done.err
    page = (tmp_path / 'out/index.html').read_text()
    for note in ('1 of 2 annotated sequences are left out (no results, or no box but the first: 1; '
                 'results that cannot be used: 0).',
                 'No plot of speed: there are no times beside the boxes (NAME_time.txt).',
                 'No scores by attribute: the annotations name none (att/NAME.txt).',
                 'No player: no frames were given (--frames).'):
        assert note in done.out
        assert note in page
    for more, message in ((['--sequences', 'cow-3'], 'no results of the sequences cow-3'),
                          (['--frames', tmp_path], 'has no frames of cat-1'),
                          (['--annotations', tmp_path / 'none'], 'none does not exist'),
                          ([], "two trackers are called 'teacher'")):
        done = run_tool('report.py', *([] if more else args[:1]), *args, *more)
        assert (done.status, done.err.count('\n')) == (2, 1)
        assert message in done.err


@pytest.fixture
def without_plots(monkeypatch):
    """A page with empty plots, as drawing them takes most of the time."""
    monkeypatch.setattr('report_page.write.publish',
                        lambda draw, target: dict.fromkeys(('light', 'dark'), b'<svg/>'))


@pytest.mark.usefixtures('without_plots')
def test_times_that_say_nothing(material, tmp_path):
    """Of tests that ran beside each other."""
    results = [str(material / name) for name in ('teacher', 'student')]
    for timed in (True, False):
        write_report(results, material / 'annos', tmp_path, timed=timed)
        page = (tmp_path / 'index.html').read_text()
        assert ('No speeds: the tests ran beside each other.' in page) != timed
        assert ('frames a second' in page) == timed


@pytest.mark.usefixtures('without_plots')
def test_a_file_that_cannot_be_used_fails_alone(material, tmp_path):
    shutil.copytree(material / 'student', tmp_path / 'student')
    file = tmp_path / 'student/cat-1.txt'
    file.write_text(file.read_text() * 2)
    args = [f'teacher={material}/teacher', tmp_path / 'student', '--annotations',
            material / 'annos', '--out', tmp_path / 'out']
    done = run_tool('report.py', *args)
    assert (done.status, done.err) == (1, '')
    page = (tmp_path / 'out/index.html').read_text()
    for place in (done.out, page):
        assert 'cat-1 is left out: ' in place
        assert 'it is of another version of the data set' in place
        assert '1 of 3 annotated sequences are left out (' in place
        assert 'results that cannot be used: 1).' in place
    file.write_text(''.join(file.read_text().splitlines(keepends=True)[:9]))
    assert run_tool('report.py', *args, '--fit', '--dataset', 'uav123').status == 0
    page = (tmp_path / 'out/index.html').read_text()
    assert 'left out' not in page
    assert '<em>published (uav123)</em>' in page


@pytest.fixture
def page(browser, report, request):
    """The report, opened; afterwards nothing may have gone wrong or been asked for."""
    scheme, width = getattr(request, 'param', ('light', 1280))
    tab = browser.new_page(color_scheme=scheme, viewport=dict(width=width, height=900))
    trouble, asked = [], []
    tab.on('console', lambda message: trouble.append(message.text))
    tab.on('pageerror', lambda error: trouble.append(str(error)))
    tab.on('dialog', lambda dialog: trouble.append(dialog.message) or dialog.dismiss())
    tab.on('request', lambda request: asked.append(request.url[:60]))
    url = (report[0] / 'index.html').as_uri()
    tab.goto(url)
    yield tab
    tab.close()
    assert trouble == []
    assert [own for own in asked if not own.startswith('data:')] == [url[:60]]


def place(page):
    return int(page.input_value('#scrub'))


def pixels(page):
    return page.evaluate("document.getElementById('frame').toDataURL()")


def test_tables_are_sorted(page):
    def column(number):
        return page.locator(f'#sequences tbody tr > :nth-child({number})').all_inner_texts()
    assert sorted(column(1)) == sorted(NAMES)
    head = page.locator('#sequences thead th').nth(3)
    for direction in ('descending', 'ascending'):
        head.get_by_role('button').click()
        assert head.get_attribute('aria-sort') == direction
        values = [float(text) for text in column(4)]
        assert len(set(values)) == 3
        assert values == sorted(values, reverse=direction == 'descending')
    page.locator('#sequences thead button').first.click()
    assert head.get_attribute('aria-sort') is None
    assert column(1) == [NAMES[2], 'cat-1', 'dog-2']


def test_player_scrubs_and_plays(page):
    first = pixels(page)
    page.locator('#scrub').fill('20')
    for _ in range(20):
        if pixels(page) != first:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail('the frame did not change')
    assert page.inner_text('#where') == f'frame 21 of {LENGTH}'
    truth = page.locator('#boxes .box.truth')
    assert [float(truth.get_attribute(key)) for key in ('x', 'y', 'width', 'height')] == [
        40, 25, 18, 18]
    page.get_by_label('Frame forth').click()
    assert place(page) == 21
    page.locator('#stage').focus()
    page.keyboard.press('Shift+ArrowLeft')
    assert place(page) == 11
    page.keyboard.press('Home')
    page.keyboard.press('Space')
    page.wait_for_timeout(300)
    assert place(page) > 2
    assert page.inner_text('#play') == 'Pause'
    page.keyboard.press('Space')
    stopped = place(page)
    page.wait_for_timeout(150)
    assert (place(page), page.inner_text('#play')) == (stopped, 'Play')
    page.keyboard.press('End')
    page.locator('#play').click()  # from the beginning, to the end
    page.get_by_role('button', name='Play').wait_for()
    assert place(page) == LENGTH - 1


def test_zoom_follows_the_target(page):
    boxes, whole = page.locator('#boxes'), pixels(page)
    width, height = map(float, boxes.get_attribute('viewBox').split()[2:])
    page.select_option('#zoom', '4')
    page.locator('#scrub').fill('20')
    x, y, *size = map(float, boxes.get_attribute('viewBox').split())
    assert size == [width / 4, height / 4]
    # Around the box 40, 25, 18, 18, as far as the frame goes.
    assert x == pytest.approx(min(max(49 - width / 8, 0), width * 3 / 4))
    assert y == pytest.approx(min(max(34 - height / 8, 0), height * 3 / 4))
    for _ in range(20):
        if pixels(page) != whole:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail('the frame did not change')


def test_curve_leads_to_a_frame(page):
    curve = page.locator('#curve')
    curve.click(position=dict(x=curve.bounding_box()['width'] * 10 / (LENGTH - 1), y=30))
    assert place(page) == 10
    page.select_option('#sequence', label=[
        text for text in page.locator('#sequence option').all_inner_texts()
        if text.startswith('dog-2')])
    assert page.locator('#curve rect.absent').get_attribute('width') == '3'
    assert page.locator('#curve polyline').count() == 4  # two trackers, before and after
    page.locator('#scrub').fill('13')
    assert page.locator('#legend output').all_inner_texts() == ['absent', 'absent']
    page.locator('#scrub').fill('20')
    assert page.locator('#legend output').all_inner_texts() == ['0.89', '0.16']  # 17/19, 5/31


def test_boxes_and_sequences_can_be_chosen(page):
    boxes = page.locator('#boxes .box:visible')
    lines = page.locator('#curve polyline:not([style*="display: none"])')  # flat ones, too
    assert (boxes.count(), lines.count()) == (3, 2)
    page.get_by_label('student').uncheck()
    assert (boxes.count(), lines.count()) == (2, 1)
    page.locator('#sequences .open', has_text='dog-2').click()
    assert 'dog-2' in page.locator('#stage').get_attribute('aria-label')
    page.keyboard.press('n')
    assert 'dog-2' not in page.locator('#stage').get_attribute('aria-label')
    page.get_by_label('Show cat-1 at frame 30').click()
    assert page.locator('#stage').get_attribute('aria-label') == f'cat-1, frame 30 of {LENGTH}'


@pytest.mark.parametrize('page', [(scheme, width) for scheme in ('light', 'dark')
                                  for width in (1280, 390)], indirect=True)
def test_it_fits_in_light_and_dark(page, tmp_path):
    assert page.evaluate('document.documentElement.scrollWidth') == page.viewport_size['width']
    picture = tmp_path / 'page.png'
    page.screenshot(path=picture, full_page=True)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    corner = cv2.imread(str(picture))[:8, :8].mean()
    assert corner < 40 if dark else corner > 250
    for control in page.locator('button, select, input, a').all():
        name = control.evaluate(
            'own => own.getAttribute("aria-label") || own.labels?.[0]?.textContent'
            ' || own.textContent')
        assert name.strip()
    shown = page.locator('picture img').first.evaluate('own => own.currentSrc')
    other = page.locator('picture source').first.get_attribute('srcset')
    assert (shown == other) == dark
