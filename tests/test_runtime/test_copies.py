"""Copies of a tracker, and trackers in other processes."""
import copy
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from disc import BOX, moving_disc
from test_spread_history import Seeing
from tiny import build, tracker

from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker, open_network, update_many


def go_on(follower, frames):
    return [follower.update(frame) for frame in frames]


@pytest.mark.parametrize('again', [copy.deepcopy, copy.copy,
                                   lambda own: pickle.loads(pickle.dumps(own))])
def test_a_copy_goes_on_by_itself(again):
    """With crops of all frames so far, and without adding to those of the first."""
    frames = moving_disc(30)
    follower = Tracker(Seeing())
    follower.init(frames[0], BOX)
    go_on(follower, frames[1:10])
    other = again(follower)
    found = go_on(other, frames[10:20])
    go_on(other, [frame[::-1].copy() for frame in frames[20:]])
    assert go_on(follower, frames[10:20]) == found
    assert go_on(again(follower), frames[20:]) == go_on(follower, frames[20:])
    crops, _ = follower.network.templates[-1]
    assert len(crops) == 4
    assert all(crop.any() for crop in crops)


@pytest.mark.parametrize('again', [copy.deepcopy, copy.copy])
def test_a_copy_shares_its_network(again):
    """Also one that was not opened from a file, so that update_many takes both."""
    frames = moving_disc(2)
    follower = Tracker(TorchNetwork(build(tracker()).eval()))
    follower.init(frames[0], BOX)
    (one, _), (other, _) = update_many(iter([follower, again(follower)]), frames[1])
    assert one == other


def test_what_refers_to_a_tracker_refers_to_its_copy():
    follower = Tracker(Seeing())
    follower.beside = [follower]
    again = copy.deepcopy(follower)
    assert again.beside == [again] != [follower]


def test_what_is_no_network():
    with pytest.raises(ValueError, match="or another tracker's network; got NoneType"):
        Tracker(None)


def test_a_box_without_a_target():
    with pytest.raises(ValueError, match=r'needs init\(frame, box\)'):
        Tracker(Seeing()).box = BOX


@pytest.mark.parametrize('box', [[BOX], BOX[:3], None])
def test_a_box_that_is_none(box):
    follower = Tracker(Seeing())
    follower.init(moving_disc(1)[0], BOX)
    with pytest.raises(ValueError, match='is not x, y, w, h: expected four numbers'):
        follower.box = box
    assert follower.box == list(BOX)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    from mmct.deploy import export_tracker

    folder = tmp_path_factory.mktemp('files')
    for format, name in (('onnx', 'a.onnx'), ('openvino', 'a.xml')):
        export_tracker(build(tracker()).eval(), folder / name, format)
    return folder


@pytest.mark.parametrize('name', ['a.onnx', 'a.xml'])
def test_copies_of_trackers_of_files(files, name, monkeypatch):
    frames = moving_disc(6)
    monkeypatch.chdir(files)
    pair = [Tracker(name, threads=1)]
    pair.append(Tracker(pair[0].network))
    for follower in pair:
        follower.init(frames[0], BOX)
        follower.update(frames[1])
    copied, content = copy.deepcopy(pair), pickle.dumps(pair)
    assert copied[0].network is pair[0].network
    monkeypatch.chdir('/')  # files are found by their whole path
    opened = pickle.loads(content)
    assert opened[0].network is opened[1].network is not pair[0].network
    for frame in frames[2:]:
        assert update_many(pair, frame) == update_many(copied, frame) == update_many(opened, frame)


@pytest.mark.parametrize('threads', [1, 2])
def test_a_frame_for_each_target(files, threads):
    """Of videos of their own, and of other sizes: what each by itself would do."""
    network = open_network(files / 'a.onnx', threads=threads)
    videos = [moving_disc(6), [frame[::-1] for frame in moving_disc(6)],
              [frame[:-9, :-7] for frame in moving_disc(6)]]
    together, alone = ([Tracker(network) for _ in videos] for _ in range(2))
    for follower, video in zip(together + alone, videos * 2):
        follower.init(video[0], BOX)
    for frames in list(zip(*videos))[1:]:
        found = update_many(together, list(frames))
        for (box, score), follower, frame in zip(found, alone, frames):
            expected, expected_score = follower.update(frame)
            assert box == pytest.approx(expected, abs=1e-3)
            assert score == pytest.approx(expected_score, abs=1e-5)
    with pytest.raises(ValueError, match='given 2 frames for 3 trackers; expected one frame, or'):
        update_many(together, list(frames[:2]))
    assert update_many([], frames[0]) == []
    with pytest.raises(ValueError, match='given 3 frames for 0 trackers'):
        update_many([], frames)


def test_signals_are_handled_after_networks_are_closed(files):
    """By Python's own handler, in a process of its own, which it would take along."""
    code = (
        'import signal, sys\n'
        'from mmct.runtime import open_network\n'
        'signal.signal(signal.SIGINT, lambda *_: print("handled"))\n'
        'first, second = map(open_network, sys.argv[1:])\n'
        'del first\n'
        'del second\n'
        'signal.raise_signal(signal.SIGINT)\n')
    done = subprocess.run([sys.executable, '-c', code, *[str(files / 'a.xml')] * 2],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, 'handled\n')


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork')
def test_a_forked_process_is_warned_once(files):
    follower, frames = Tracker(files / 'a.onnx', threads=1), moving_disc(3)
    follower.init(frames[0], BOX)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            go_on(follower, frames[1:])
        os.write(write, '\n'.join(str(own.message) for own in caught).encode())
        os._exit(0)
    os.waitpid(child, 0)
    line, = os.read(read, 10000).decode().splitlines()
    assert f'was opened by process {os.getpid()}, of which this one is a fork' in line
    assert f"open it here, Tracker('{files / 'a.onnx'}')" in line
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        go_on(follower, frames[1:])


def test_a_network_of_a_config(tmp_path):
    import mmct  # noqa: F401

    network = open_network('configs/demo/ostrack_tiny.py', 'configs/demo/ostrack_tiny.pth')
    opened = pickle.loads(pickle.dumps(network))
    found = []
    for own in (network, copy.deepcopy(network), opened):
        follower = Tracker(own)
        follower.init(moving_disc(1)[0], BOX)
        found.append(go_on(follower, moving_disc(3)[1:]))
    assert found[0] == found[1] == found[2]
    assert np.isfinite(found[0][-1][0]).all()
