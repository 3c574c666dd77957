"""Networks and batches small enough for tests."""
from pathlib import Path

import torch

from mmct.checkpoint import save_tracker
from mmct.models.layers import run_layers
from mmct.models.structures import Clip

# MMTracking comes after mmct.
# isort: split
from mmtrack.registry import HOOKS, METRICS, MODELS, TRANSFORMS  # noqa: F401  for tests

TEMPLATE, SEARCH, WIDTH, DEPTH = 32, 64, 32, 4


def tracker(head='CenterHead', width=WIDTH, **backbone) -> dict:
    """Config of an OSTrack of four layers; ``backbone`` replaces its options."""
    shape = {'type': 'OneStreamViT', 'embed_dims': width, 'depth': DEPTH, 'num_heads': 2,
             'template_size': TEMPLATE, 'search_size': SEARCH, **backbone}
    return {'type': 'OSTrack', 'backbone': shape,
            'head': {'type': head, 'in_channels': width, 'channels': 16}}


def student(division=2, teacher_depth=DEPTH, **kwargs) -> dict:
    """Config of a student of :func:`tracker`."""
    config = tracker(type='StageDividedViT', division=division, teacher_depth=teacher_depth,
                     **kwargs)
    del config['backbone']['depth']
    return config


def distiller(teacher_checkpoint, teacher=None, **kwargs) -> dict:
    """Config of the compression of :func:`tracker` by the whole method."""
    return {'type': 'ReplacementDistiller', 'teacher': teacher or tracker(), 'student': student(),
            'teacher_checkpoint': teacher_checkpoint and str(teacher_checkpoint),
            'guidance_loss': {'type': 'PredictionGuidanceLoss'},
            'mimic_loss': {'type': 'StageMimicLoss'}, **kwargs}


def build(config: dict, seed=0):
    """The model, with weights that make tokens and attention differ from place to place."""
    torch.manual_seed(seed)
    model = MODELS.build(config)
    return shake(model)


def shake(model):
    """Move all weights and statistics away from their first values."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith('running_var'):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.add_(torch.randn_like(value), alpha=0.1)
    return model


def save_teacher(path: Path, config=None, seed=0) -> Path:
    """Write a teacher's checkpoint."""
    save_tracker(build(config or tracker(), seed).state_dict(), path, student=False)
    return path


def pair_batch(size=2, template=TEMPLATE, search=SEARCH, seed=0) -> Clip:
    """Pairs of crops of noise; targets are in the middle, each a bit elsewhere."""
    rng = torch.Generator().manual_seed(seed)
    boxes = torch.rand(size, 1, 4, generator=rng) * 0.3 + torch.tensor([0.35, 0.35, 0.1, 0.1])
    return Clip(
        templates=torch.randn(size, 1, 3, template, template, generator=rng),
        searches=torch.randn(size, 1, 3, search, search, generator=rng),
        template_boxes=torch.tensor([[[0.25, 0.25, 0.5, 0.5]]]).repeat(size, 1, 1) * template,
        gt_boxes=boxes)


def embedded(tracker, clip, frame=0):
    """Tokens of a clip's frame before a tracker's first layer, without memory."""
    return tracker.embed(clip.templates, clip.template_boxes, clip.searches[:, frame],
                         tracker.init_memory(clip.searches))


def predicted(tracker, clip):
    """What a tracker finds in the first frame of a clip."""
    return next(tracker.predictions(clip))


def search_map(backbone, clip):
    """What a backbone makes of the search crops of a clip's first frame, (B, C, n, n)."""
    encoded = backbone.encode(clip.templates, clip.template_boxes)
    tokens = run_layers(backbone.layers, backbone.join(encoded, clip.searches[:, 0]))
    return backbone.finalize(tokens).search_map()


def mixed_path(distiller, clip, gates):
    """A distiller's mixed path on the first frame of a clip."""
    return distiller.mixed_path(clip, 0, distiller.student.init_memory(clip.searches), gates)


def teacher_path(distiller, clip):
    """A distiller's teacher on the first frame of a clip."""
    return distiller.run_teacher(clip, 0, distiller.teacher.init_memory(clip.searches))


def packed_pairs(size=2, template=TEMPLATE, search=SEARCH, seed=0) -> dict:
    """What a data loader gives: pairs of crops of bytes."""
    clip = pair_batch(size, template, search, seed)
    rng = torch.Generator().manual_seed(seed)
    templates, searches = (torch.randint(0, 256, images.shape, generator=rng).byte()
                           for images in (clip.templates, clip.searches))
    return {'inputs': {'clip': clip._replace(templates=templates, searches=searches)},
            'img_path': [[f'{i}/1.jpg', f'{i}/2.jpg'] for i in range(size)]}


def two_sizes(data: dict, own: dict) -> dict:
    """A batch whose student sees the crops of another, at another size, of the same boxes."""
    clip, other = data['inputs']['clip'], own['inputs']['clip']
    scale = other.templates.size(-1) / clip.templates.size(-1)
    student = other._replace(template_boxes=clip.template_boxes * scale, gt_boxes=clip.gt_boxes)
    return {**data, 'inputs': {'clip': clip, 'student_clip': student}}


def clip_of(model, data: dict) -> Clip:
    """The clip of a data loader as a model takes it."""
    return model.data_preprocessor(data)['inputs']['clip']


def same_weights(one, other) -> bool:
    """Whether two modules or state dicts hold the same names and, bit for bit, values."""
    one, other = (m if isinstance(m, dict) else m.state_dict() for m in (one, other))
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
