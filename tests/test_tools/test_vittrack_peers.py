"""The released file in loops of other makers."""
import pytest
from benchmarks.peers import OriginalNetwork
from disc import BOX, moving_disc
from vittrack.reading import read_vittrack
from vittrack_files import write

from mmct.api import fuse_for_inference
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker, update_many


def test_the_original_network_finds_the_same_boxes(tmp_path):
    file, frames = write(tmp_path / 'tiny.onnx'), moving_disc(5)
    networks = OriginalNetwork(file), TorchNetwork(fuse_for_inference(read_vittrack(file)))
    boxes, found = [BOX, (20., 30., 30., 18.)], []
    for network in networks:
        followers = [Tracker(network) for _ in boxes]
        for follower, box in zip(followers, boxes):
            follower.init(frames[0], box)
        found.append([update_many(followers, frame) for frame in frames[1:]])
    for own, other in zip(*found):
        for (box, score), (expected, expected_score) in zip(own, other):
            assert box == pytest.approx(expected, abs=0.01)
            assert score == pytest.approx(expected_score, abs=1e-4)
