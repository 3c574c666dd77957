"""What is seen of a training while it runs, and that looking changes nothing."""
import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.logging import MessageHub
from mmtrack.registry import HOOKS, VISUALIZERS
from tiny import (
    build,
    distiller,
    packed_pairs,
    same_weights,
    save_teacher,
    student,
    tracker,
    two_sizes,
)

from mmct.models.losses import mean_iou
from mmct.visualization.batch_picture import Answer, draw_pairs

WHITE, ORANGE, BLUE = (255, 255, 255), (213, 94, 0), (11, 121, 189)


@pytest.fixture
def teacher_file(tmp_path):
    return save_teacher(tmp_path / 'teacher.pth')


class Run:
    """What a hook sees of a runner; pictures are kept."""

    def __init__(self, model, max_iters=10):
        self.model, self.iter, self.epoch, self.max_iters = model, 0, 0, max_iters
        self.message_hub = MessageHub(f'run {id(self)}')
        self.pictures = {}
        self.visualizer = SimpleNamespace(
            add_image=lambda name, image, step: self.pictures.update({(name, step): image}))

    def logged(self, name):
        return self.message_hub.get_scalar(name).data[0].tolist()


def train(model, hooks, steps=2, other_size=False):
    """Some steps of the optimizer; gives the run and a random number drawn in each step."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    run, drawn = Run(model, steps), []
    for run.iter in range(steps):
        data = packed_pairs(seed=run.iter)
        if other_size:
            data = two_sizes(data, packed_pairs(2, 16, 32, seed=run.iter))
        torch.manual_seed(run.iter)
        for hook in hooks:
            hook.before_train_iter(run, 0, data)
        drawn.append(torch.rand(()).item())
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        optimizer.zero_grad()
        model.parse_losses(losses)[0].backward()
        optimizer.step()
    return run, drawn


@pytest.mark.parametrize('changes', [
    {}, {'frozen': ['head']}, {'frozen': ['backbone.patch_embed'], 'teacher_bf16': True},
    {'student': student(template_size=16, search_size=32)},
])
def test_hooks_leave_training_as_it_is(teacher_file, changes):
    config = distiller(teacher_file, **changes)
    config['student'] = copy.deepcopy(config['student'])
    config['student']['backbone']['drop_path_rate'] = 0.5
    hooks = [HOOKS.build({'type': 'StudentIoUHook', 'interval': 1}),
             HOOKS.build({'type': 'BatchPictureHook', 'interval': 1, 'samples': 1})]
    models = [build(config, seed=1) for _ in range(2)]
    small = config['student']['backbone']['search_size'] == 32
    _, expected = train(models[0], [], other_size=small)
    run, drawn = train(models[1], hooks, other_size=small)
    assert drawn == expected
    assert same_weights(*models)
    modes = [[module.training for module in model.modules()] for model in models]
    assert modes[0] == modes[1]
    assert all(p.requires_grad == q.requires_grad
               for p, q in zip(*(m.parameters() for m in models), strict=True))
    assert len(run.logged('train/iou_student')) == len(run.pictures) == 2


def test_iou_of_the_student_alone(teacher_file):
    """As it will be used: without drop path, with collected batch statistics, not mixed."""
    model = build(distiller(teacher_file, student=student(drop_path_rate=0.9)), seed=1).train()
    hook, run = HOOKS.build({'type': 'StudentIoUHook', 'interval': 3}), Run(model)
    for run.iter in range(8):
        hook.before_train_iter(run, 0, packed_pairs(8, seed=run.iter))
    expected = []
    for i in (0, 3, 6):
        data = model.student.data_preprocessor(packed_pairs(8, seed=i))
        boxes = model.student.eval().predict(**data)
        expected.append(mean_iou(boxes[:, 0], data['inputs']['clip'].gt_boxes[:, 0]).item())
    assert run.logged('train/iou_student') == pytest.approx(expected, rel=1e-4)
    assert max(expected) > 0


def test_when_pictures_are_drawn(teacher_file, monkeypatch):
    drawn = []
    monkeypatch.setattr('mmct.engine.hooks.onlooking_hooks.draw_pairs',
                        lambda *args: drawn.append(args))
    model = build(distiller(teacher_file), seed=1)
    hook, run = HOOKS.build({'type': 'BatchPictureHook', 'interval': 4, 'samples': 3}), Run(model)
    for run.iter in range(10):
        hook.before_train_iter(run, 0, packed_pairs(4))
    assert list(run.pictures) == [('train_batch', i) for i in (0, 4, 8, 9)]
    for i, (*arrays, answers, title) in zip((0, 4, 8, 9), drawn, strict=True):
        assert [a.shape for a in arrays] == [(3, 32, 32, 3), (3, 64, 64, 3), (3, 4), (3, 4)]
        assert title == f'epoch 1, iteration {i}, p = 0.50'
        assert [a.scores.shape for a in answers.values()] == [(3, 4, 4)] * 2
        data = packed_pairs(4)
        clip = data['inputs']['clip'].first(3)
        assert np.array_equal(arrays[1], clip.searches[:, 0].permute(0, 2, 3, 1).flip(-1))
        found = model.student.eval().predict(**model.student.data_preprocessor(data))[:3, 0]
        for own, (boxes, side) in ((arrays[2], (clip.template_boxes[:, 0], None)),
                                   (arrays[3], (clip.gt_boxes[:, 0], 64)),
                                   (answers['student'].boxes, (found, 64))):
            expected = bbox_cxcywh_to_xyxy(boxes) * side if side else torch.cat(
                [boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)
            assert own == pytest.approx(expected.detach().numpy(), rel=1e-4)
    off = HOOKS.build({'type': 'BatchPictureHook', 'interval': 0})
    run.iter = 0
    off.before_train_iter(run, 0, None)
    assert len(run.pictures) == 4
    with pytest.raises(ValueError, match=r'samples=0 must be in \[1, inf\)'):
        HOOKS.build({'type': 'BatchPictureHook', 'samples': 0})


def test_a_picture_of_a_student_that_sees_less_shows_its_crops(teacher_file, monkeypatch):
    """The teacher's boxes and scores, of larger crops, are drawn where they lie in these."""
    drawn = []
    monkeypatch.setattr('mmct.engine.hooks.onlooking_hooks.draw_pairs',
                        lambda *args: drawn.append(args))
    own = dict(student(search_size=32), test_cfg={'search_factor': 2.})
    model = build(distiller(teacher_file, student=own), seed=1)
    data = packed_pairs(2)
    clip = data['inputs']['clip']
    data['inputs']['student_clip'] = clip._replace(
        searches=clip.searches[..., 16:48, 16:48].contiguous(),
        gt_boxes=clip.gt_boxes * 2 - torch.tensor([0.5, 0.5, 0, 0]))
    HOOKS.build({'type': 'BatchPictureHook', 'samples': 2}).before_train_iter(Run(model), 0, data)
    (templates, searches, _, boxes, answers, _), = drawn
    assert [templates.shape, searches.shape] == [(2, 32, 32, 3)] * 2
    with torch.no_grad():
        found = next(model.teacher.predictions(model.data_preprocessor(data)['inputs']['clip']))
    for shown, whole in ((boxes, clip.gt_boxes[:, 0]), (answers['teacher'].boxes, found.boxes)):
        expected = bbox_cxcywh_to_xyxy(whole) * 64 - 16
        assert shown == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-4)
    assert answers['teacher'].scores == pytest.approx(found.score_map[:, 0, 1:3, 1:3].numpy())


def test_a_picture_of_a_head_without_scores(tmp_path):
    teacher = tracker('CornerHead')
    own = dict(student(), head=teacher['head'])
    file = save_teacher(tmp_path / 'teacher.pth', teacher)
    model = build(distiller(file, teacher=teacher, student=own), seed=1)
    run = Run(model)
    HOOKS.build({'type': 'BatchPictureHook', 'samples': 2}).before_train_iter(
        run, 0, packed_pairs())
    (picture, ) = run.pictures.values()
    assert picture.shape[1] == 520  # template and search crop


def runs(filled) -> list[slice]:
    """Where a row of booleans is true for long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled, [0]])))
    return [slice(a + 2, b - 2) for a, b in edges.reshape(-1, 2) if b - a > 150]


def panels(picture) -> list:
    """The panels of a picture, row by row, cut out of the white between them."""
    drawn = picture.min(axis=2) < 250
    return [[picture[rows, columns] for columns in runs(drawn[rows].mean(axis=0) > 0.5)]
            for rows in runs(drawn.mean(axis=1) > 0.5)]


def shows(part, colour) -> bool:
    return bool((np.abs(part.astype(int) - colour).max(axis=2) < 30).any())


def test_each_panel_shows_its_boxes_and_scores():
    grey = [np.full((2, side, side, 3), 90, np.uint8) for side in (32, 64)]
    boxes = [np.tile(np.array([[.2, .2, .6, .6]]) * side, (2, 1)) for side in (32, 64)]
    scores = np.zeros((2, 8, 8))
    scores[0, 1, 6] = 0.7
    scores[1, 6, 1] = 0.3
    answers = {'teacher': Answer(boxes[1] + 8, scores),
               'student': Answer(boxes[1] + 16, scores[:, ::-1])}
    picture = draw_pairs(*grey, *boxes, answers, 'title')
    assert picture.dtype == np.uint8
    assert picture.shape == (640, 1040, 3)
    cells = panels(picture)
    assert [len(row) for row in cells] == [4, 4]
    for row in cells:
        seen = [[shows(part, colour) for colour in (WHITE, ORANGE, BLUE)] for part in row]
        assert seen == [[True, False, False], [True, True, True],
                        [False, True, False], [False, False, True]]
    # The brightest cell of each score map is where the score is.
    for i, row in enumerate(cells):
        for part, score in ((row[2], scores[i]), (row[3], scores[i, ::-1])):
            bright = (part[..., 0] > 150) & (part[..., 1] > 170) & (part[..., 2] < 190)
            place = np.mean(np.nonzero(bright), axis=1) / part.shape[:2] * 8
            at = np.unravel_index(score.argmax(), score.shape)
            assert place == pytest.approx(at, abs=0.2)


def test_mean_iou_by_hand():
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.4, 0.4], [0.1, 0.1, 0.1, 0.1]])
    target = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.6, 0.5, 0.4, 0.4], [0.9, 0.9, 0.1, 0.1]])
    assert mean_iou(boxes, target).item() == pytest.approx((1 + 0.6 + 0) / 3)
    tiny = torch.tensor([[0.5, 0.5, 1e-4, 1e-4]])
    assert mean_iou(tiny, tiny).item() == pytest.approx(1)


def test_tensorboard_gets_scalars_and_pictures(teacher_file, tmp_path):
    pytest.importorskip('tensorboard', reason='needs the extra "tensorboard"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    visualizer = VISUALIZERS.build({
        'type': 'TrackLocalVisualizer', 'name': str(tmp_path), 'save_dir': str(tmp_path),
        'vis_backends': [{'type': 'TensorboardVisBackend'}]})
    run = Run(build(distiller(teacher_file), seed=1))
    run.visualizer = visualizer
    HOOKS.build({'type': 'BatchPictureHook'}).before_train_iter(run, 0, packed_pairs())
    visualizer.add_scalars({'iou_mixed': 0.5, 'mimic_error_1': torch.tensor(0.25)}, step=7)
    visualizer.close()
    events = EventAccumulator(str(tmp_path / 'vis_data')).Reload()
    assert events.Tags()['images'] == ['train_batch']
    assert [(e.step, e.value) for e in events.Scalars('mimic_error_1')] == [(7, 0.25)]
