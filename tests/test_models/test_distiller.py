
import numpy as np
import pytest
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from mmengine.model import BaseDataPreprocessor
from mmtrack.registry import MODELS
from tiny import (
    build,
    distiller,
    embedded,
    mixed_path,
    packed_pairs,
    pair_batch,
    same_weights,
    save_teacher,
    shake,
    student,
    teacher_path,
    tracker,
)
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmct.checkpoint import CheckpointError, save_checkpoint, save_tracker
from mmct.models.distillers import draw_gates
from mmct.models.layers import run_layers

ALL_LOSSES = {'loss_track_focal', 'loss_track_giou', 'loss_track_l1', 'loss_guidance_giou',
              'loss_guidance_l1', 'loss_mimic'}
SCALARS = {'iou_mixed', 'iou_teacher', 'mimic_error_1', 'mimic_error_2'}


@pytest.fixture(scope='module')
def teacher_file(tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp('teacher') / 'teacher.pth')


@pytest.fixture
def model(teacher_file):
    """A compression that is about to train."""
    return build(distiller(teacher_file), seed=1).train()


@pytest.fixture
def started(model):
    """A compression whose student has moved away from the teacher."""
    model.build_teacher()
    torch.manual_seed(2)
    shake(model.student)
    return model


def step(model, data=None):
    """One iteration on packed pairs; gives the losses."""
    data = model.data_preprocessor(data or packed_pairs(), True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    return losses


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


# Gates

def gates(num, prob, count=4000, **kwargs):
    return np.array([
        draw_gates(num, prob, np.random.default_rng(i), **kwargs) for i in range(count)])


@pytest.mark.parametrize('prob', [0.2, 0.5, 0.8])
def test_gates_are_independent_draws_with_at_least_one(prob):
    drawn = gates(4, prob)
    assert drawn.any(1).all()
    none = (1 - prob)**4
    np.testing.assert_allclose(drawn.mean(0), prob + none / 4, atol=0.03)
    # Of two stages both are the student's as often as independent draws say.
    assert (drawn[:, 0] & drawn[:, 1]).mean() == pytest.approx(prob**2, abs=0.03)


def test_gates_of_a_sure_student():
    assert gates(3, 1., 50).all()
    assert gates(1, 0.1, 50).all()


def test_exactly_one_below_a_half():
    drawn = gates(4, 0.4, low_prob='exactly_one')
    assert (drawn.sum(1) == 1).all()
    np.testing.assert_allclose(drawn.mean(0), 0.25, atol=0.03)
    assert np.array_equal(gates(4, 0.5, 200, low_prob='exactly_one'), gates(4, 0.5, 200))


def test_gates_are_a_function_of_seed_iteration_and_process(teacher_file, monkeypatch):
    def pattern(seed=0, rank=0):
        monkeypatch.setattr('mmct.models.distillers.replacement_distiller.get_rank', lambda: rank)
        model = MODELS.build(distiller(teacher_file, seed=seed, student=student(4)))
        out = []
        for _ in range(40):
            out.append(model.next_gates())
            model.iteration += 1
        return out

    first = pattern()
    assert len(set(map(tuple, first))) > 8
    np.random.seed(3)
    torch.manual_seed(3)
    assert pattern() == first
    assert pattern(seed=1) != first
    assert pattern(rank=1) != first


def test_each_iteration_draws_anew_and_is_counted(model, monkeypatch):
    seen = []
    losses = model.losses
    monkeypatch.setattr(model, 'losses', lambda *args: seen.append(args[-1]) or losses(*args))
    for _ in range(3):
        step(model)
    assert model.iteration == 3
    fresh = MODELS.build(distiller(None))
    for expected in seen:
        assert fresh.next_gates() == expected
        fresh.iteration += 1


@pytest.mark.parametrize('prob', [0, -0.1, 1.01, float('nan')])
def test_probability_outside_its_range(model, teacher_file, prob):
    with pytest.raises(ValueError, match=r'replace_prob=.* must be in \(0, 1\]'):
        MODELS.build(distiller(teacher_file, replace_prob=prob))
    with pytest.raises(ValueError, match=r'must be in \(0, 1\]'):
        model.set_replace_prob(prob)


@pytest.mark.parametrize(('change', 'message'), [
    ({'head_init': 'zero'}, "head_init='zero' is not one of"),
    ({'low_prob': 'one'}, "low_prob='one' is not one of"),
])
def test_options_that_are_not_known(teacher_file, change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(distiller(teacher_file, **change))


# The teacher

def test_teacher_is_built_by_training_alone(model, monkeypatch):
    model.init_weights()
    model.eval()
    pairs = model.data_preprocessor(packed_pairs())
    model(**pairs, mode='predict')
    model(**pairs, mode='tensor')
    model.init(np.full((60, 80, 3), 90, np.uint8), (30, 20, 12, 10))
    model.track(np.full((60, 80, 3), 90, np.uint8))
    assert model.teacher is None
    step(model.train())
    first = model.teacher
    step(model)
    assert model.teacher is first


def test_teacher_is_in_no_book(model):
    names = set(model.state_dict()), {n for n, _ in model.named_parameters()}
    step(model)
    assert set(model.state_dict()) == names[0]
    assert {n for n, _ in model.named_parameters()} == names[1]
    assert all(name.startswith('student.') for name in names[1])
    assert names[0] - {'iteration', 'started'} == {
        f'student.{name}' for name in model.student.state_dict()}
    assert not any(module is model.teacher for module in model.modules())


def test_teacher_stays_frozen_in_eval_mode(teacher_file):
    """Neither steps of the optimizer nor train mode change its weights or batch statistics."""
    config = distiller(teacher_file, teacher=tracker(drop_path_rate=0.5))
    model = build(config, seed=1)
    model.build_teacher()
    before = snapshot(model.teacher)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    for i in range(3):
        model.train()
        step(model, packed_pairs(seed=i))
        optimizer.step()
        assert not any(module.training for module in model.teacher.modules())
    assert same_weights(before, model.teacher)
    assert not any(p.requires_grad for p in model.teacher.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())
    batch = pair_batch()
    boxes = [teacher_path(model, batch)[1].boxes for _ in range(2)]
    assert torch.equal(*boxes)


def test_building_the_teacher_draws_nothing(model):
    """Else the first iteration after a resume would drop other paths."""
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    model.build_teacher()
    assert torch.equal(torch.rand(3), expected)


def test_teacher_moves_with_the_model(started):
    started.double()
    assert {p.dtype for p in started.teacher.parameters()} == {torch.double}


def test_what_the_teacher_gives_has_no_gradient(started):
    stages, prediction = teacher_path(started, pair_batch())
    assert not prediction.boxes.requires_grad
    assert not any(value.requires_grad for value in prediction.outputs.values())
    assert not any(tokens.x.requires_grad for tokens in stages)


# The start

def test_student_starts_from_the_teacher_once(model):
    step(model)
    teacher = model.teacher
    assert same_weights(model.student.backbone.layers[0], teacher.backbone.layers[1])
    assert same_weights(model.student.backbone.layers[1], teacher.backbone.layers[3])
    for name, value in teacher.head.named_parameters():
        assert torch.equal(model.student.head.get_parameter(name), value)
    shake(model.student)
    moved = snapshot(model.student.backbone)
    step(model)
    assert same_weights(moved, model.student.backbone)


def test_resumed_student_is_not_started_again(started, teacher_file):
    step(started)
    resumed = build(distiller(teacher_file), seed=5).train()
    resumed.load_state_dict(started.state_dict())
    assert resumed.next_gates() == started.next_gates()
    resumed.build_teacher()
    assert same_weights(resumed, started)


def test_random_head(teacher_file):
    model = build(distiller(teacher_file, head_init='random'), seed=1)
    before = snapshot(model.student.head)
    model.build_teacher()
    assert same_weights(before, model.student.head)
    assert not same_weights(model.student.head, model.teacher.head)


def train(model, steps=2):
    """Some steps of the optimizer."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    for i in range(steps):
        model.train()
        step(model, packed_pairs(seed=i))
        optimizer.step()


def test_frozen_head_is_the_teachers_with_its_statistics(teacher_file):
    model = build(distiller(teacher_file, frozen=['head']), seed=1).train()
    train(model)
    assert same_weights(model.student.head, model.teacher.head)
    assert not same_weights(model.student.backbone.norm, model.teacher.backbone.norm)


def test_frozen_embedding_is_the_teachers(teacher_file):
    names = ['patch_embed', 'pos_embed_z', 'pos_embed_x']
    model = build(distiller(
        teacher_file, frozen=[f'backbone.{name}' for name in names]), seed=1).train()
    train(model)
    for name, value in model.teacher.backbone.named_parameters():
        if name.startswith(tuple(names)):
            assert torch.equal(model.student.backbone.get_parameter(name), value)
    assert not same_weights(model.student.head, model.teacher.head)


def test_frozen_part_of_a_head_keeps_weights_and_statistics(teacher_file):
    """A random head keeps its own; the branches beside the frozen one learn."""
    model = build(distiller(
        teacher_file, frozen=['head.score'], head_init='random'), seed=1).train()
    before = snapshot(model.student.head)
    train(model)
    same = {name for name, value in model.student.head.state_dict().items()
            if torch.equal(value, before[name])}
    assert same == {name for name in before if name.startswith('score.')}
    modes = {name.partition('.')[0]: m.training
             for name, m in model.student.head.named_modules() if isinstance(m, _BatchNorm)}
    assert modes == {'score': False, 'offset': True, 'size': True}


@pytest.mark.parametrize('name', ['', 'neck', 'head.edges', 'teacher', 'backbone.layers.2'])
def test_frozen_parts_that_are_none(teacher_file, name):
    with pytest.raises(ValueError, match=f"^frozen='{name}' is no part of the network, such as "
                                         r"\['data_preprocessor', 'backbone', 'head'\]") as caught:
        MODELS.build(distiller(teacher_file, frozen=['head', name]))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('role', ['student', 'teacher'])
def test_parts_that_are_normalised_otherwise(teacher_file, role):
    """Which are tracked with other values than trained, or the other way round."""
    other = {'data_preprocessor': {'type': 'PairDataPreprocessor', 'std': [0.5] * 3}}
    with pytest.raises(ValueError, match=f'data_preprocessor.std of model and model.{role} differ'):
        MODELS.build(distiller(teacher_file, **{
            role: {**(tracker() if role == 'teacher' else student()), **other}})).build_teacher()
    other['data_preprocessor']['std'] = [58.395 / 255, 57.12 / 255, 57.375 / 255]  # the default
    MODELS.build(distiller(teacher_file, **{
        role: {**(tracker() if role == 'teacher' else student()), **other}})).build_teacher()


def test_a_preprocessor_of_ones_own():
    @MODELS.register_module()
    class PlainPreprocessor(BaseDataPreprocessor):
        pass

    model = MODELS.build(distiller(None, data_preprocessor={'type': 'PlainPreprocessor'}))
    assert type(model.data_preprocessor) is PlainPreprocessor


def test_trained_head_has_batch_statistics(model):
    step(model)
    norms = [m for m in model.student.head.modules() if isinstance(m, _BatchNorm)]
    assert len(norms) == 12
    for own, old in zip(norms, [
            m for m in model.teacher.head.modules() if isinstance(m, _BatchNorm)], strict=True):
        assert own.training
        assert not torch.equal(own.running_mean, old.running_mean)


def test_a_teacher_is_no_student_to_start_from(model, teacher_file):
    state = torch.load(teacher_file)['state_dict']
    with pytest.raises(ValueError, match='has 4 layers, the student 2; a teacher is given as'):
        model.load_state_dict(state, strict=False)


def test_extracted_student_can_be_loaded(started, teacher_file, tmp_path):
    save_tracker(started.student.state_dict(), tmp_path / 'student.pth', student=True)
    other = build(distiller(teacher_file), seed=5).train()
    state = torch.load(tmp_path / 'student.pth')['state_dict']
    other.load_state_dict(state)
    assert same_weights(other.student, started.student)
    # It is what training goes on from.
    other.build_teacher()
    assert same_weights(other.student, started.student)


# The mixed path

@pytest.mark.parametrize('pattern', [
    [True, True], [True, False], [False, True], [False, False]])
def test_mixed_path_by_the_book(started, pattern):
    batch = pair_batch()
    own, teacher = started.eval().student.backbone, started.teacher.backbone
    tokens, after = embedded(started.student, batch), []
    for gate, layer, stage in zip(
            pattern, own.layers, (teacher.layers[:2], teacher.layers[2:]), strict=True):
        tokens = run_layers([layer] if gate else stage, tokens)
        after.append(tokens.x)
    maps = started.student.head(own.finalize(tokens))
    stages, ours = mixed_path(started, batch, pattern)
    assert all(torch.equal(one.x, other) for one, other in zip(stages, after, strict=True))
    assert same_weights(ours.outputs, maps)
    assert torch.equal(ours.boxes, started.student.head.decode(maps))


def test_gradients_flow_through_frozen_stages(started):
    batch = pair_batch()
    sum(started.losses(batch, batch, [True, False]).values()).backward()
    backbone = started.student.backbone
    for part in (backbone.patch_embed.proj.weight, backbone.pos_embed_z, backbone.pos_embed_x,
                 backbone.norm.weight, *backbone.layers[0].parameters()):
        assert part.grad.abs().sum() > 0
    assert all(p.grad is None for p in backbone.layers[1].parameters())
    assert all(p.grad is None for p in started.teacher.parameters())
    assert all(p.grad is not None for p in started.student.head.parameters())


def test_embedding_learns_through_the_teacher_alone(started):
    """The tracking loss by itself reaches the embedding across all of the teacher's layers."""
    started.mimic_loss, batch = None, pair_batch()
    sum(started.losses(batch, batch, [False, False]).values()).backward()
    assert started.student.backbone.patch_embed.proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(('off', 'prefix'), [
    (('guidance_loss', ), ('loss_track', 'loss_mimic', 'mimic_error', 'iou')),
    (('mimic_loss', ), ('loss_track', 'loss_guidance', 'iou')),
    (('guidance_loss', 'mimic_loss'), ('loss_track', 'iou_mixed')),
])
def test_terms_are_switched_off_by_config(teacher_file, off, prefix):
    model = build(distiller(teacher_file, **dict.fromkeys(off)), seed=1).train()
    assert set(step(model)) == {
        name for name in ALL_LOSSES | SCALARS if name.startswith(prefix)}


@MODELS.register_module()
class ScaledScores(nn.Module):
    """A third term, with a weight of its own: score maps of mixed path and teacher."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.))
        self.seen = []

    def forward(self, mixed, teacher, **others):
        self.seen.append(others)
        return {'loss_scores': (self.scale * mixed.score_map - teacher.score_map).abs().mean()}


@pytest.mark.parametrize('others', [{}, {'guidance_loss': None, 'mimic_loss': None}])
def test_a_loss_of_ones_own_is_one_more_term(teacher_file, others):
    model = build(distiller(teacher_file, extra_losses=[{'type': 'ScaledScores'}], **others),
                  seed=1).train()
    losses = step(model)
    expected = ALL_LOSSES | SCALARS if not others else {
        name for name in ALL_LOSSES | SCALARS if name.startswith(('loss_track', 'iou'))}
    assert set(losses) == expected | {'loss_scores'}
    loss, = model.extra_losses
    assert loss.scale.grad.abs() > 0
    seen, = loss.seen
    assert set(seen) == {'stages', 'teacher_stages', 'gt_boxes'}
    assert [[tokens.x.shape for tokens in seen[name]] for name in ('stages', 'teacher_stages')] == [
        [(2, 20, 32)] * 2] * 2
    assert 'extra_losses.0.scale' in model.state_dict()


def test_losses_of_one_name(teacher_file):
    """The second would take the place of the first."""
    model = build(distiller(teacher_file, extra_losses=[
        {'type': 'StageMimicLoss', 'groups': ['search']}])).train()
    with pytest.raises(ValueError, match='^StageMimicLoss gives loss_mimic, mimic_error_1, mimic_'
                       'error_2, as another loss of the model does; each needs names of its own$'):
        step(model)


def test_replacement_is_switched_off_by_config(teacher_file):
    """p = 1 without guidance and mimicking is plain training of the student."""
    model = build(distiller(teacher_file, replace_prob=1., guidance_loss=None, mimic_loss=None))
    model.train().build_teacher()
    plain = build(student(), seed=5).train()
    plain.load_state_dict(model.student.state_dict())
    data = packed_pairs()
    losses = step(model, data)
    expected = plain(**plain.data_preprocessor(data, True), mode='loss')
    assert set(losses) == set(expected) | {'iou_mixed'}
    assert all(torch.equal(losses[name], expected[name]) for name in expected)


def test_all_terms_of_the_whole_method(model):
    losses = step(model)
    assert set(losses) == ALL_LOSSES | SCALARS
    assert all(loss.isfinite() for loss in losses.values())


def test_scalars_are_logged_and_not_learned_from(started):
    batch = pair_batch()
    losses = started.losses(batch, batch, [True, False])
    assert not any(losses[name].requires_grad for name in SCALARS)
    total, logged = started.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses[name] for name in ALL_LOSSES))
    assert set(logged) == ALL_LOSSES | SCALARS | {'loss'}
    with torch.no_grad():
        _, teacher = teacher_path(started, batch)
        _, mixed = mixed_path(started, batch, [True, False])
    for name, found in (('teacher', teacher), ('mixed', mixed)):
        pairs = zip(*(bbox_cxcywh_to_xyxy(b) for b in (found.boxes, batch.gt_boxes[:, 0])),
                    strict=True)
        expected = [bbox_overlaps(one[None], other[None]).item() for one, other in pairs]
        assert logged[f'iou_{name}'].item() == pytest.approx(np.mean(expected), rel=1e-5)
    error = sum(losses[f'mimic_error_{stage}'] for stage in (1, 2)) / 2
    assert losses['loss_mimic'].item() == pytest.approx(0.2 * error.item(), rel=1e-6)


def test_student_equal_to_the_teacher_mimics_without_error(teacher_file):
    model = build(distiller(teacher_file, student=student(4)), seed=1)
    model.build_teacher()
    batch = pair_batch()
    losses = model.eval().losses(batch, batch, [True, False, True, False])
    assert losses['loss_mimic'] == 0
    assert losses['loss_guidance_l1'] == 0


def test_teacher_that_eliminates_candidates(tmp_path):
    elimination = {'layers': [1, 3], 'keep_ratio': [0.7, 0.7], 'template_range': 'ALL'}
    teacher = tracker(elimination=elimination)
    model = build(distiller(save_teacher(tmp_path / 't.pth', teacher), teacher=teacher), seed=1)
    losses = step(model.train())
    assert set(losses) == ALL_LOSSES | SCALARS
    model.eval()
    stages, _ = mixed_path(model, pair_batch(), [True, False])
    assert [s.length('search') for s in stages] == [16, 12]
    stages, _ = teacher_path(model, pair_batch())
    assert [s.length('search') for s in stages] == [12, 9]


def test_prediction_is_the_students(started):
    pairs = started.eval().data_preprocessor(packed_pairs())
    assert torch.equal(started.predict(**pairs), started.student.predict(**pairs))


# Bad input

def starting(teacher_file, **kwargs):
    return MODELS.build(distiller(teacher_file, **kwargs)).build_teacher()


def test_no_teacher_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='no teacher checkpoint None; give model.teacher'):
        starting(None)
    with pytest.raises(FileNotFoundError, match='no teacher checkpoint .*none.pth; give model'):
        starting(tmp_path / 'none.pth')


@pytest.mark.parametrize(('other', 'message'), [
    ({'width': 48}, 'has embed_dims: 48, the teacher of the config: 32'),
    ({'depth': 6}, 'has layers: 6, the teacher of the config: 4'),
    ({'search_size': 128}, r'has search tokens \(search_size\): 64, the teacher of the config: 16'),
    ({'template_size': 64}, r'has template tokens \(template_size\): 16, .* of the config: 4'),
    ({'mlp_ratio': 2.}, r'hidden width of MLPs \(mlp_ratio\): 64, .*: 128'),
    ({'head': 'CornerHead'}, "has no: .*'head.offset.0.bn.bias'"),
])
def test_teacher_of_another_shape(tmp_path, other, message):
    file = save_teacher(tmp_path / 'other.pth', tracker(**other))
    with pytest.raises(CheckpointError, match=f'^teacher checkpoint .*{message}') as caught:
        starting(file)
    assert '\n' not in str(caught.value)


def test_teacher_that_is_no_tracker(tmp_path):
    save_checkpoint({'state_dict': {'fc.weight': torch.zeros(2, 2)}}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=r"of a known tracker: .* keys are \['fc.weight'\]"):
        starting(tmp_path / 'other.pth')


def test_student_that_does_not_fit_the_teacher(teacher_file):
    with pytest.raises(ValueError, match=r'\[2, 1\] does not make up the 4 layers'):
        starting(teacher_file, student=student([2, 1], 3))


def test_a_teacher_stage_eliminates_alike_in_both_paths(tmp_path):
    """GT_BOX ranks by the target's box, which a mixed path has to bring along."""
    teacher = tracker(elimination={'layers': [1], 'keep_ratio': [0.5], 'template_range': 'GT_BOX'})
    file = save_teacher(tmp_path / 'teacher.pth', teacher)
    model = MODELS.build(distiller(file, teacher)).eval()
    model.build_teacher()
    batch = pair_batch(2)
    batch.template_boxes[1, 0] = torch.tensor([2., 2, 16, 16])
    with torch.no_grad():
        stages, _ = mixed_path(model, batch, [False, True])
        teacher_stages, _ = teacher_path(model, batch)
    assert stages[0].kept is not None
    assert torch.equal(stages[0].kept, teacher_stages[0].kept)
    # Embedding and first stage are the teacher's own, so the tokens are the same, too.
    assert torch.equal(stages[0].x, teacher_stages[0].x)
