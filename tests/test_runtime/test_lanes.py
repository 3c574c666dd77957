"""Parts of a network that work side by side, and give boxes in place of maps."""
import threading

import numpy as np
import pytest

from mmct.runtime.backends import OpenedNetwork
from mmct.runtime.geometry import decode_center, hann_window
from mmct.runtime.network import FOUND, SCORES, NetworkInfo

GRID = 4
INFO = NetworkInfo(template_size=32, search_size=64, template_factor=2., search_factor=4.,
                   margin=10., grid=GRID, head='center')


class Lanes(OpenedNetwork):
    def __init__(self, number):
        self.number = number

    def lanes(self, count):
        return list(range(min(count, self.number)))


@pytest.mark.parametrize('number', [1, 3])
@pytest.mark.parametrize('count', [1, 2, 7])
def test_lanes_share_targets_out(number, count):
    seen, used = {}, min(number, count)
    all_there = threading.Barrier(used, timeout=60)

    def work(lane, targets):
        all_there.wait()  # none waits for another to end
        seen[lane] = list(targets)
        return [-target for target in targets]

    assert Lanes(number).side_by_side(work, range(count)) == [-i for i in range(count)]
    assert sorted(len(own) for own in seen.values()) == sorted(
        len(range(i, count, used)) for i in range(used))


def test_an_error_waits_for_the_other_lanes():
    ended, goes_on = [], threading.Event()

    def work(lane, targets):
        if lane == 0:
            goes_on.set()
            raise ValueError('no box')
        goes_on.wait(60)
        ended.append(lane)
        return targets

    with pytest.raises(ValueError, match='no box'):
        Lanes(3).side_by_side(work, [1, 2, 3])
    assert sorted(ended) == [1, 2]


@pytest.fixture(scope='module')
def maps():
    """A model of OpenVINO that gives the maps that it is given."""
    ov = pytest.importorskip('openvino', reason='the extra deploy is not installed')
    from openvino import opset13 as ops

    inputs, outputs = [], []
    for name, channels in (('score', 1), ('size', 2), ('offset', 2)):
        given = ops.parameter(ov.PartialShape([-1, channels, GRID, GRID]), np.float32)
        given.output(0).get_tensor().set_names({f'given {name}'})
        own = ops.add(given, np.float32(0))
        own.output(0).get_tensor().set_names({name})
        inputs.append(given)
        outputs.append(ops.result(own))
    return ov.Model(outputs, inputs)


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize('score', SCORES)
def test_openvino_reads_boxes_off_as_numpy_does(maps, score, count):
    """To the bit, of equals the first; what is no number stays so."""
    import openvino as ov

    from mmct.runtime.backends.openvino import decoding

    info, rng = INFO._replace(score=score), np.random.default_rng(0)
    model = decoding(maps, info)
    model.reshape({port: [count, *list(port.partial_shape)[1:]] for port in model.inputs})
    network = ov.Core().compile_model(model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    assert [port.get_any_name() for port in network.outputs] == [FOUND]
    scores, sizes, offsets = (rng.random((count, channels, GRID, GRID), np.float32)
                              for channels in (1, 2, 2))
    for values in (scores, np.full_like(scores, .5), np.round(scores * 4) / 4):
        found = network([values, sizes, offsets])[0]
        assert [info.decode({FOUND: own}) for own in found] == [
            decode_center(*own, hann_window(GRID), score)
            for own in zip(values, sizes, offsets, strict=True)]
    offsets[:] = np.nan
    assert np.isnan(network([scores, sizes, offsets])[0][:, 3:5]).all()
