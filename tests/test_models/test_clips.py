"""Clips of several search frames: what is handed on, drawn once, summed and averaged."""
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.logging import MessageHub
from mmtrack.registry import HOOKS
from tiny import MODELS, build, clip_of, distiller, packed_pairs, shake
from toy import SEARCH, TEMPLATE, toy_batch, toy_student, toy_teacher

from mmct.checkpoint import save_tracker
from mmct.models.layers import run_layers
from mmct.models.losses import mean_iou
from mmct.models.structures import Clip

FRAMES = 3


@pytest.fixture(params=[16, 12], ids='width {}'.format)
def model(tmp_path, request):
    """A compression of the toy tracker that has started, its student away from the teacher."""
    file = tmp_path / 'toy.pth'
    save_tracker(build(toy_teacher()).state_dict(), file, student=False)
    torch.manual_seed(1)
    config = distiller(file, toy_teacher(), student=toy_student(request.param), head_init='random')
    model = MODELS.build(config).train()
    model.build_teacher()
    shake(model.student)
    return model


def found_alone(tracker, clip):
    """Boxes that a toy tracker finds, frame by frame, its memory handed on."""
    backbone, boxes = tracker.backbone, []
    memory = torch.zeros(len(clip.searches), 1, backbone.embed_dims)
    for search in clip.searches.unbind(1):
        tokens = backbone.join(backbone.encode(clip.templates), search, memory)
        x = backbone.last(run_layers(backbone.layers, tokens).x)
        boxes.append(tracker.head.mlp(x[:, 0]).sigmoid())
        memory = x[:, :1].detach()
    return boxes


def packed_clips(size=4):
    """What a data loader gives, of two templates and some search frames."""
    frames = [packed_pairs(size, TEMPLATE, SEARCH, seed)['inputs']['clip']
              for seed in range(FRAMES)]
    return {'inputs': {'clip': Clip(*(
        torch.cat([getattr(frame, name) for frame in frames[:count]], dim=1)
        for name, count in (('templates', 2), ('template_boxes', 2), ('searches', FRAMES),
                            ('gt_boxes', FRAMES))))}}


def test_student_and_teacher_each_hand_on_their_own_memory(model):
    """Where all stages are the student's, the mixed path is the student alone."""
    clip = toy_batch(4, frames=FRAMES)
    losses = model.losses(clip, clip, [True, True])
    own, teacher, truth = (found_alone(model.student, clip), found_alone(model.teacher, clip),
                           clip.gt_boxes.unbind(1))
    track = sum((box - gt).abs().mean() for box, gt in zip(own, truth, strict=True))
    torch.testing.assert_close(losses['loss_track_l1'], track)
    guidance = sum(5 * F.l1_loss(bbox_cxcywh_to_xyxy(box), bbox_cxcywh_to_xyxy(other))
                   for box, other in zip(own, teacher, strict=True))
    torch.testing.assert_close(losses['loss_guidance_l1'], guidance)
    for name, boxes in (('mixed', own), ('teacher', teacher)):
        ious = [mean_iou(box, gt) for box, gt in zip(boxes, truth, strict=True)]
        torch.testing.assert_close(losses[f'iou_{name}'], sum(ious) / FRAMES)
    # A frame without memory is another frame.
    last = clip._replace(searches=clip.searches[:, 2:], gt_boxes=clip.gt_boxes[:, 2:])
    for tracker, boxes in ((model.student, own), (model.teacher, teacher)):
        alone, = found_alone(tracker, last)
        assert (alone - boxes[2]).abs().max() > 1e-4


@pytest.mark.parametrize('gates', [[True, False], [False, True], [False, False]])
def test_losses_are_summed_and_scalars_averaged(model, gates):
    clip = toy_batch(4, frames=FRAMES)
    memory, teacher_memory = (torch.zeros(4, 1, tracker.backbone.embed_dims)
                              for tracker in (model.student, model.teacher))
    frames = []
    for i in range(FRAMES):
        stages, mixed = model.mixed_path(clip, i, memory, gates)
        theirs, teacher = model.run_teacher(clip, i, teacher_memory)
        frames.append({
            **model.student.head.loss(mixed, clip.gt_boxes[:, i]),
            **model.guidance_loss(mixed, teacher),
            **model.mimic_loss(model.as_teacher(stages, gates), theirs),
            'iou_mixed': mean_iou(mixed.boxes, clip.gt_boxes[:, i]),
            'iou_teacher': mean_iou(teacher.boxes, clip.gt_boxes[:, i])})
        memory, teacher_memory = mixed.memory, teacher.memory
        assert not memory.requires_grad
        assert not teacher_memory.requires_grad
    losses = model.losses(clip, clip, gates)
    assert losses.keys() == frames[0].keys()
    for name, value in losses.items():
        total = sum(frame[name] for frame in frames)
        torch.testing.assert_close(value, total if name.startswith('loss') else total / FRAMES)


def test_gates_are_drawn_once_for_all_frames(model, monkeypatch):
    data = model.data_preprocessor(packed_clips(), True)
    clip = data['inputs']['clip']
    assert clip.num_frames == FRAMES
    assert (clip.templates.shape[1], clip.template_boxes.shape) == (2, (4, 2, 4))
    assert clip.gt_boxes.shape == (4, FRAMES, 4)
    drawn, used = [], []
    next_gates, mixed_path = model.next_gates, model.mixed_path
    monkeypatch.setattr(model, 'next_gates', lambda: drawn.append(next_gates()) or drawn[-1])
    monkeypatch.setattr(
        model, 'mixed_path', lambda *args: used.append((args[1], args[-1])) or mixed_path(*args))
    losses = model(**data, mode='loss')
    assert model.iteration == 1
    gates, = drawn
    assert used == [(i, gates) for i in range(FRAMES)]
    expected = model.losses(clip, clip, gates)
    assert losses.keys() == expected.keys()
    assert all(torch.equal(losses[name], expected[name]) for name in losses)
    _, logged = model.parse_losses(losses)
    assert logged['iou_mixed'] == losses['iou_mixed']
    assert logged['loss'].item() == pytest.approx(
        sum(value.item() for name, value in losses.items() if name.startswith('loss')), rel=1e-5)


def test_a_tracker_that_is_trained_alone(model):
    tracker, data = model.student, packed_clips()
    data = tracker.data_preprocessor(data, True)
    clip = data['inputs']['clip']
    boxes = found_alone(tracker, clip)
    expected = sum((box - gt).abs().mean()
                   for box, gt in zip(boxes, clip.gt_boxes.unbind(1), strict=True))
    losses = tracker(**data, mode='loss')
    assert losses.keys() == {'loss_track_l1'}
    torch.testing.assert_close(losses['loss_track_l1'], expected)
    # What is predicted of a clip is what is found in each of its frames.
    torch.testing.assert_close(tracker(**data, mode='predict'), torch.stack(boxes, 1))


def test_iou_of_the_student_is_that_of_all_frames(model):
    data = packed_clips()
    run = SimpleNamespace(model=model, iter=0, message_hub=MessageHub('clips'))
    HOOKS.build({'type': 'StudentIoUHook', 'interval': 1}).before_train_iter(run, 0, data)
    clip = clip_of(model, data)
    ious = [mean_iou(box, truth).item() for box, truth in zip(
        found_alone(model.student, clip), clip.gt_boxes.unbind(1), strict=True)]
    logged = run.message_hub.get_scalar('train/iou_student').data[0]
    assert logged.tolist() == pytest.approx([sum(ious) / FRAMES], abs=1e-6)
    assert len(set(ious)) == FRAMES
