"""Scores of untrained students, and those that real students have."""
import itertools

import numpy as np
import pytest
import torch
from analysis.division_search import all_divisions, search_divisions
from analysis.layer_similarity import build_teacher, pair_loader
from analysis.start_scores import Start, UntrainedStudents, check_copies, last_layers
from mmengine.config import Config
from mmengine.model import BaseModule
from tiny import (
    MODELS,
    build,
    clip_of,
    distiller,
    mixed_path,
    packed_pairs,
    predicted,
    student,
    tracker,
)
from toy import SEARCH as TOY_SEARCH
from toy import TEMPLATE as TOY_TEMPLATE
from toy import ToyTracker, toy_student, toy_teacher

from mmct.checkpoint import save_tracker
from mmct.evaluation.evaluators import PairIoU
from mmct.models.losses import mean_iou

DEPTH, STAGES = 6, 3


def pairs(toy=False):
    """Batches of 3, 3 and 2 pairs, their targets so large that a box of weights of chance overlaps
    them; the toy tracker has two templates, and its own crops."""
    shape = {'template': TOY_TEMPLATE, 'search': TOY_SEARCH} if toy else {}
    batches = [packed_pairs(size, seed=seed, **shape) for seed, size in enumerate((3, 3, 2))]
    for batch in batches:
        clip = batch['inputs']['clip']
        side = clip.searches.size(-1)
        widths = torch.tensor([(side - i) / side for i in range(len(clip.searches))])
        gt_boxes = torch.stack([widths / 2, 0 * widths + 0.5, widths, 0 * widths + 1], dim=1)
        templates = clip.templates.repeat(1, 2, 1, 1, 1) if toy else clip.templates
        batch['inputs']['clip'] = clip._replace(templates=templates, gt_boxes=gt_boxes[:, None])
    return batches


@pytest.fixture(scope='module')
def teacher():
    return build(tracker(depth=DEPTH)).eval()


@pytest.fixture(scope='module')
def teacher_file(teacher, tmp_path_factory):
    file = tmp_path_factory.mktemp('teacher') / 'teacher.pth'
    save_tracker(teacher.state_dict(), file, student=False)
    return file


def real_student(division, teacher_file):
    """Initialised by ``init_from_teacher`` as a training does it."""
    model = MODELS.build(distiller(
        teacher_file, tracker(depth=DEPTH), student=student(list(division), DEPTH)))
    model.build_teacher()
    return model.eval()


@torch.no_grad()
def validation_iou(model):
    """What a validation says."""
    metric = PairIoU()
    for data in pairs():
        metric.process(data, model.predict(**model.data_preprocessor(data)))
    return metric.compute_metrics(metric.results)['iou']


@torch.no_grad()
def iou_with_teacher(model):
    boxes = [[], []]
    for data in pairs():
        batch = clip_of(model, data)
        for found, one in zip(boxes, (model.student, model.teacher)):
            found.append(predicted(one, batch).boxes)
    return mean_iou(*map(torch.cat, boxes)).item()


def test_scores_are_those_of_real_students(teacher, teacher_file):
    students = UntrainedStudents(teacher, pairs())
    found = search_divisions([(2, 2, 2)], students.score)
    assert sorted(found) == all_divisions(DEPTH, STAGES)
    models = {division: real_student(division, teacher_file) for division in found}
    real = {division: Start(validation_iou(model), iou_with_teacher(model))
            for division, model in models.items()}
    for division, start in found.items():
        assert start == pytest.approx(real[division], abs=1e-6)
    assert len({round(start.truth, 5) for start in found.values()}) == len(found)
    assert max(found, key=found.get) == max(real, key=real.get)


def test_scores_do_not_depend_on_what_is_scored_together(teacher):
    students = UntrainedStudents(teacher, pairs())
    divisions = all_divisions(DEPTH, STAGES)
    together = students.score(divisions)
    for division in divisions:
        assert students.score([division]) == {division: together[division]}


def test_common_layers_run_once(teacher):
    students = UntrainedStudents(teacher, pairs())
    runs = [0] * DEPTH
    hooks = [layer.register_forward_hook(lambda *_, i=i: runs.__setitem__(i, runs[i] + 1))
             for i, layer in enumerate(teacher.backbone.layers)]
    seen = []
    divisions = all_divisions(DEPTH, STAGES)
    students.score(divisions, seen.append)
    for hook in hooks:
        hook.remove()
    routes = [last_layers(division) for division in divisions]
    firsts = {route[:length] for route in routes for length in range(1, STAGES + 1)}
    assert runs == [3 * sum(first[-1] == i for first in firsts) for i in range(DEPTH)]
    assert sum(seen) == 8 * len(divisions)


def test_a_student_of_all_layers_is_its_teacher(teacher):
    division = (1,) * DEPTH
    score, = UntrainedStudents(teacher, pairs()).score([division]).values()
    assert score.teacher == pytest.approx(1)


def test_trackers_of_another_kind(tmp_path):
    file = tmp_path / 'toy.pth'
    save_tracker(build(toy_teacher()).state_dict(), file, student=False)
    teacher = build_teacher(Config(dict(model=toy_teacher())), file)
    found = UntrainedStudents(teacher, pairs(toy=True)).score(all_divisions(4, 2))
    for division, start in found.items():
        config = toy_student()
        config['backbone']['division'] = list(division)
        check_copies(Config(dict(model=dict(student=config))), teacher)
        model = MODELS.build(distiller(file, toy_teacher(), student=config))
        model.build_teacher()
        batches = [clip_of(model, data) for data in pairs(toy=True)]
        with torch.no_grad():
            boxes = torch.cat([mixed_path(model, batch, [True, True])[1].boxes
                               for batch in batches])
        truth = torch.cat([batch.gt_boxes[:, 0] for batch in batches])
        assert start.truth == pytest.approx(mean_iou(boxes, truth).item(), abs=1e-6)


@pytest.mark.parametrize(('division', 'layers'), [
    ((12,), (11,)), ((1, 3, 3, 5), (0, 3, 6, 11)), ((1, 1, 1), (0, 1, 2))])
def test_last_layers(division, layers):
    assert last_layers(division) == layers
    assert np.diff([-1, *layers]).tolist() == list(division)


def test_eliminated_tokens_are_refused():
    elimination = {'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'}
    model = build(tracker(elimination=elimination)).eval()
    with pytest.raises(ValueError, match='leave out elimination'):
        UntrainedStudents(model, [packed_pairs()])


@pytest.mark.parametrize(('config', 'message'), [
    (dict(width=16), r'backbone.pos_embed_z is \(1, 4, 16\), the teacher\'s \(1, 4, 32\)'),
    (dict(search_size=96), r'backbone.pos_embed_x is \(1, 36, 32\), the teacher\'s \(1, 16, 32\)'),
    (dict(mlp_ratio=1.), r'mlp.fc1.weight is \(32, 32\), the teacher\'s \(128, 32\)'),
    (dict(num_heads=4), "attn.num_heads is 4, the teacher's 2"),
    (dict(layer_init='first_k'), "layer_init is 'first_k', not 'last_of_stage'"),
    (dict(layers_per_stage=2), 'layers_per_stage is 2, not 1'),
])
def test_students_that_are_no_copies_are_refused(teacher, config, message):
    config = Config(dict(model=dict(student=student(STAGES, DEPTH, **config))))
    with pytest.raises(ValueError, match=message) as error:
        check_copies(config, teacher)
    assert str(error.value).endswith('use --metric cosine, or change the student')


def test_students_that_are_copies_pass(teacher):
    own = dict(student=student(STAGES, DEPTH))
    check_copies(Config(dict(model=own)), teacher)
    check_copies(Config(dict(model=tracker(depth=DEPTH))), teacher)
    with pytest.raises(ValueError, match="head_init is 'random', not 'teacher'"):
        check_copies(Config(dict(model=dict(own, head_init='random'))), teacher)


# Teachers and pairs that are none

@MODELS.register_module()
class UndividedTracker(ToyTracker):
    """One whose backbone is no list of layers."""

    def __init__(self):
        BaseModule.__init__(self)
        self.backbone = torch.nn.Conv2d(3, 4, 1)


def test_teachers_that_are_not_stageable(tmp_path):
    with pytest.raises(ValueError, match='the teacher, a UndividedTracker, has no backbone.layers'):
        build_teacher(Config(dict(model=dict(type='UndividedTracker'))), tmp_path / 'none.pth')


@pytest.mark.parametrize(('split', 'other'), itertools.permutations(['val', 'train']))
def test_configs_without_pairs(split, other):
    message = f'has no {split}_dataloader: set one, or take other pairs with --pairs {other}'
    for config in ({}, {f'{split}_dataloader': None}):
        with pytest.raises(ValueError, match=message):
            pair_loader(Config(config), None, split, 8, 8)
