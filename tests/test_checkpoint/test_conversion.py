import re

import pytest
import torch
import torch.nn.functional as F
from commands import run_tool, start_tool
from tiny import (
    build,
    distiller,
    pair_batch,
    same_weights,
    save_teacher,
    search_map,
    shake,
    student,
    tracker,
)

from mmct.checkpoint import (
    CheckpointError,
    convert,
    extract_student,
    load_weights,
    read_checkpoint,
    save_checkpoint,
    tracker_weights,
    weights_in,
)
from mmct.models.trackers.ostrack import resize_position_table


def net(path):
    return weights_in(read_checkpoint(path), path)


def there_and_back(source, folder):
    """Released -> mmct -> released; gives the file in between and the last."""
    ours, back = folder / 'ours.pth', folder / 'back.pth.tar'
    found = convert(source, ours, 'mmct', 128, 256)
    assert convert(ours, back, 'released', 128, 256) == found
    return found, ours, back


@pytest.fixture(scope='module')
def released(golden):
    return golden('compresstracker_l4')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Checkpoints of a small tracker, of its compression and of the student."""
    folder = tmp_path_factory.mktemp('files')
    model = build(distiller(save_teacher(folder / 'teacher.pth')), seed=1)
    model.build_teacher()
    shake(model.student)
    save_checkpoint({'state_dict': model.state_dict(), 'meta': {'epoch': 3}},
                    folder / 'epoch_3.pth')
    extract_student(folder / 'epoch_3.pth', folder / 'student.pth')
    return folder, model


# There and back

def test_teacher_there_and_back(released, tmp_path):
    source = released / 'ostrack.pth.tar'
    found, ours, back = there_and_back(source, tmp_path)
    assert found == 'tracker'
    before, after = net(source), net(back)
    assert before.keys() == after.keys()
    unused = {'backbone.cls_token', 'backbone.pos_embed'}
    for key, value in before.items():
        assert value.shape == after[key].shape
        assert key in unused or torch.equal(value, after[key])
    assert set(net(ours)) == set(build(tracker(width=48, depth=12, num_heads=3)).state_dict())


def test_student_there_and_back(released, tmp_path):
    source = released / 'compresstracker.pth.tar'
    found, ours, back = there_and_back(source, tmp_path)
    assert found == 'student'
    before, after = net(source), net(back)
    teacher_inside = {key for key in before if key.startswith(('backbone.blocks.', 'ori_'))}
    assert teacher_inside
    assert set(after) == set(before) - teacher_inside
    assert after['backbone.cls_token'].shape == (1, 1, 48)
    assert after['backbone.pos_embed'].shape == (1, 197, 48)
    for key in set(after) - {'backbone.cls_token', 'backbone.pos_embed'}:
        assert torch.equal(before[key], after[key])
    assert 'backbone.layers.3.mlp.fc2.bias' in net(ours)
    assert 'backbone.layers.4.norm1.weight' not in net(ours)


def test_names_of_an_mmct_checkpoint_there_and_back(files, tmp_path):
    folder, model = files
    for source, kind, layers in ((folder / 'teacher.pth', 'tracker', 'blocks'),
                                 (folder / 'student.pth', 'student', 'distill_blocks'),
                                 (folder / 'epoch_3.pth', 'student', 'distill_blocks')):
        out, back = tmp_path / 'released.pth', tmp_path / 'back.pth'
        assert convert(source, out, 'released', 128, 256) == kind
        assert f'backbone.{layers}.1.attn.qkv.weight' in net(out)
        assert convert(out, back, 'mmct', 128, 256) == kind
        assert same_weights(net(back), tracker_weights(source))


def test_module_prefix(released, tmp_path):
    for name in ('ostrack.pth.tar', 'compresstracker.pth.tar'):
        content = read_checkpoint(released / name)
        content['net'] = {f'module.{key}': value for key, value in content['net'].items()}
        torch.save(content, tmp_path / name)
        assert same_weights(tracker_weights(tmp_path / name), tracker_weights(released / name))


def test_own_names_with_a_prefix_in_half_precision(tmp_path):
    """As of a training under DDP by another code, saved for publication."""
    source = save_teacher(tmp_path / 'teacher.pth')
    state = {f'module.{key}': value.half() for key, value in net(source).items()
             if 'num_batches' not in key}
    torch.save({'state_dict': state}, tmp_path / 'half.pth')
    model = build(tracker(), seed=5)
    load_weights(model, tmp_path / 'half.pth')
    assert convert(tmp_path / 'half.pth', tmp_path / 'out.pth', 'mmct', 32, 64) == 'tracker'
    halved = {key: value.half().float() if value.is_floating_point() else torch.tensor(0)
              for key, value in net(source).items()}
    assert same_weights(model, halved)
    assert same_weights(torch.load(tmp_path / 'out.pth')['state_dict'], halved)


def test_corner_head_there_and_back(tmp_path):
    source = save_teacher(tmp_path / 'corner.pth', tracker(head='CornerHead'))
    convert(source, tmp_path / 'released.pth', 'released', 128, 256)
    state = net(tmp_path / 'released.pth')
    for tower in ('tl', 'br'):
        assert state[f'box_head.conv1_{tower}.0.weight'].shape == (16, 32, 3, 3)
        assert state[f'box_head.conv5_{tower}.bias'].shape == (1, )
    assert same_weights(tracker_weights(tmp_path / 'released.pth'), net(source))


def test_converted_values_go_to_their_places(released):
    state, ours = net(released / 'ostrack.pth.tar'), tracker_weights(released / 'ostrack.pth.tar')
    for old, new in (('backbone.blocks.7.attn.proj.bias', 'backbone.layers.7.attn.proj.bias'),
                     ('backbone.pos_embed_x', 'backbone.pos_embed_x'),
                     ('box_head.conv2_offset.0.weight', 'head.offset.1.conv.weight'),
                     ('box_head.conv4_ctr.1.running_var', 'head.score.3.bn.running_var'),
                     ('box_head.conv5_size.weight', 'head.size.4.weight')):
        assert torch.equal(state[old], ours[new])


# Keys that are not understood or missing

@pytest.mark.parametrize('name', ['ostrack.pth.tar', 'compresstracker.pth.tar'])
def test_unknown_and_missing_keys_are_listed(released, tmp_path, name):
    content = read_checkpoint(released / name)
    content['net']['backbone.temporal.weight'] = torch.zeros(1)
    content['net']['box_head.conv6_ctr.bias'] = torch.zeros(1)
    del content['net']['backbone.norm.weight'], content['net']['box_head.conv3_size.1.bias']
    torch.save(content, tmp_path / name)
    with pytest.raises(CheckpointError) as caught:
        convert(tmp_path / name, tmp_path / 'out.pth', 'mmct', 128, 256)
    assert str(caught.value) == (
        f'{tmp_path / name}: the conversion does not understand 2 keys: backbone.temporal.weight, '
        'box_head.conv6_ctr.bias; it lacks 2 keys: backbone.norm.weight, '
        'box_head.conv3_size.1.bias')
    assert not (tmp_path / 'out.pth').exists()


def test_missing_layers_are_listed(released, tmp_path):
    content = read_checkpoint(released / 'ostrack.pth.tar')
    content['net'] = {k: v for k, v in content['net'].items() if '.blocks.5.' not in k}
    torch.save(content, tmp_path / 'hole.pth')
    with pytest.raises(CheckpointError, match='lacks 12 keys: backbone.blocks.5.attn.proj.bias'):
        convert(tmp_path / 'hole.pth', tmp_path / 'out.pth', 'mmct', 128, 256)


def test_unknown_keys_of_ours_are_listed(tmp_path):
    state = build(tracker()).state_dict()
    state['backbone.extra'] = state.pop('head.size.4.bias')
    save_checkpoint({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='understand 1 keys: backbone.extra; it lacks 1 keys: '
                       'head.size.4.bias'):
        convert(tmp_path / 'a.pth', tmp_path / 'b.pth', 'released', 128, 256)


def test_a_file_is_not_converted_in_place(tmp_path):
    file = save_teacher(tmp_path / 'a.pth')
    before = file.read_bytes()
    (tmp_path / 'link.pth').symlink_to(file)
    with pytest.raises(ValueError, match='link.pth is the file that is converted, which would be'):
        convert(file, tmp_path / 'link.pth', 'released', 128, 256)
    assert file.read_bytes() == before


def test_other_networks(tmp_path):
    save_checkpoint({'state_dict': {'fc.weight': torch.zeros(1)}}, tmp_path / 'fc.pth')
    with pytest.raises(CheckpointError, match='fc.pth is not a checkpoint of a known tracker'):
        convert(tmp_path / 'fc.pth', tmp_path / 'out.pth', 'mmct', 128, 256)


def test_foreign_names_under_layers_are_listed(tmp_path):
    """MMPretrain's ViT has ``backbone.layers``, too."""
    state = {f'backbone.layers.{i}.ln1.weight': torch.ones(8) for i in range(2)}
    save_checkpoint({'state_dict': {'backbone.cls_token': torch.zeros(1, 1, 8), **state}},
                    tmp_path / 'vit.pth')
    with pytest.raises(CheckpointError, match='not understand 3 keys: backbone.cls_token, '
                       r'backbone.layers.0.ln1.weight, .* keys: backbone.layers.0.attn.proj.bias'):
        convert(tmp_path / 'vit.pth', tmp_path / 'out.pth', 'mmct', 32, 64)
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('kind', ['SeparableBlock', 'ConvStem', 'CornerHead', 'no head'])
def test_own_files_of_any_tracker_are_understood(tmp_path, kind):
    config = tracker(**{'SeparableBlock': {'block': {'type': kind}},
                        'ConvStem': {'patch_embed': {'type': kind}},
                        'CornerHead': {'head': kind}, 'no head': {}}[kind])
    state = build(config).state_dict()
    if kind == 'no head':  # as converted from a pretrained ViT
        state = {key: value for key, value in state.items() if not key.startswith('head.')}
    save_checkpoint({'state_dict': state}, tmp_path / 'a.pth')
    assert convert(tmp_path / 'a.pth', tmp_path / 'b.pth', 'mmct', 32, 64) == 'tracker'
    assert same_weights(net(tmp_path / 'b.pth'), state)


# A tracker of one's own

MY_TRACKER = """
from mmtrack.registry import MODELS

from mmct.checkpoint.names import Layout, Names
from mmct.models.trackers import OSTrack
from mmct.models.trackers.ostrack import FIELDS


class MyNames(Names):
    released = (Layout(
        sign='net.',
        rules={
            'net.stem.{kind}': 'backbone.patch_embed.proj.{kind}',
            'net.places_{crop}': 'backbone.pos_embed_{crop}',
            'net.blocks.{i}.{part}': 'backbone.layers.{i}.{part}',
            'net.norm.{kind}': 'backbone.norm.{kind}',
            'net.{tower}.{k}.conv.{kind}': 'head.{tower}.{k}.conv.{kind}',
            'net.{tower}.{k}.bn.{statistic}': 'head.{tower}.{k}.bn.{statistic}',
            'net.{tower}.5.{kind}': 'head.{tower}.4.{kind}'},
        fields={**FIELDS, 'crop': {'search': 'x', 'template': 'z'},
                'tower': ('score', 'size', 'offset')},
        ignored={'net.text.*': 'not used'}), )


@MODELS.register_module()
class MyTracker(OSTrack):
    names = MyNames()
"""


def renamed(own: dict) -> dict:
    """Weights of an OSTrack as such a tracker's released file calls them."""
    changes = [(r'backbone\.patch_embed\.proj', 'stem'), (r'backbone\.layers', 'blocks'),
               (r'backbone\.pos_embed_x', 'places_search'), ('backbone.norm', 'norm'),
               (r'backbone\.pos_embed_z', 'places_template'),
               (r'head\.(\w+)\.(\d)', lambda match: f'{match[1]}.{int(match[2]) + 1}')]
    theirs = {}
    for name, value in own.items():
        for pattern, text in changes:
            name = re.sub(f'^{pattern}', text, name)
        theirs[f'net.{name}'] = value
    return theirs


def test_released_files_of_a_tracker_of_ones_own(tmp_path, monkeypatch):
    own = build(tracker()).state_dict()
    (tmp_path / 'my_tracker.py').write_text(MY_TRACKER)
    save_checkpoint({'net': renamed(own) | {'net.text.proj': torch.ones(2)}}, tmp_path / 'r.pth')

    monkeypatch.chdir(tmp_path)
    args = 'convert_weights.py', 'r.pth', 'own.pth'
    assert run_tool(*args).err.startswith('error: r.pth is not a checkpoint of a known tracker')
    assert run_tool(*args, '--imports', 'mine').err == 'error: Failed to import mine\n'
    # Other tests are to know nothing of that tracker.
    done = start_tool(*args, '--imports', 'my_tracker', out=tmp_path / 'log')
    done.join()
    said = (tmp_path / 'log').read_text()
    assert done.exitcode == 0, said
    assert said.startswith('r.pth: ')
    assert said.count('\n') == 1
    assert same_weights(net(tmp_path / 'own.pth'), own)


def test_a_tracker_that_starts_from_nothing(tmp_path):
    torch.save({'model': pretrained_vit()}, tmp_path / 'mae.pth')
    with pytest.raises(CheckpointError, match='^SUTrack does not start from a pretrained network; '
                       'choose one of ODTrack, OSTrack'):
        convert(tmp_path / 'mae.pth', tmp_path / 'out.pth', 'mmct', 32, 64, starts='SUTrack')


# Pretrained ViT

def pretrained_vit(width=32, depth=4, grid=14):
    """Weights of a masked auto-encoder, decoder and all."""
    state = {'cls_token': (1, 1, width), 'mask_token': (1, 1, 16),
             'pos_embed': (1, 1 + grid**2, width), 'decoder_pos_embed': (1, 197, 16),
             'patch_embed.proj.weight': (width, 3, 16, 16), 'patch_embed.proj.bias': (width, ),
             'norm.weight': (width, ), 'norm.bias': (width, ),
             'decoder_embed.weight': (16, width), 'decoder_blocks.0.norm1.weight': (16, ),
             'decoder_pred.bias': (768, )}
    for i in range(depth):
        for name, shape in (
                ('norm1', (width, )), ('norm2', (width, )), ('attn.qkv', (3 * width, width)),
                ('attn.proj', (width, width)), ('mlp.fc1', (4 * width, width)),
                ('mlp.fc2', (width, 4 * width))):
            state[f'blocks.{i}.{name}.weight'] = shape
            state[f'blocks.{i}.{name}.bias'] = shape[:1]
    rng = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=rng) for name, shape in state.items()}


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_pretrained_vit(tmp_path, prefix):
    state = pretrained_vit()
    source, out = tmp_path / 'mae.pth', tmp_path / 'out.pth'
    torch.save({'model': {prefix + key: value for key, value in state.items()}}, source)
    assert convert(source, out, 'mmct', 32, 64) == 'pretrained ViT'
    ours = net(out)
    backbone = build(tracker()['backbone'])
    backbone.load_state_dict({k.removeprefix('backbone.'): v for k, v in ours.items()})
    assert torch.equal(backbone.layers[2].mlp.fc1.weight, state['blocks.2.mlp.fc1.weight'])
    # The class token's place goes; the rest is an image of positions.
    image = state['pos_embed'][0, 1:].T.reshape(1, 32, 14, 14)
    for name, grid in (('pos_embed_z', 2), ('pos_embed_x', 4)):
        resized = F.interpolate(image, (grid, grid), mode='bicubic', align_corners=False)
        expected = resized[0].reshape(32, -1).T
        torch.testing.assert_close(ours[f'backbone.{name}'][0], expected)


def test_position_table_of_the_same_size_is_kept():
    table = torch.randn(1, 1 + 14**2, 8)
    torch.testing.assert_close(resize_position_table(table, 14), table[:, 1:])


@pytest.mark.parametrize(('template', 'search'), [(128, 250), (120, 256), (0, 256)])
def test_crop_sizes_that_do_not_fit(tmp_path, template, search):
    torch.save({'model': pretrained_vit()}, tmp_path / 'mae.pth')
    wrong = search if search % 16 else template
    with pytest.raises(CheckpointError, match=f'crop size {wrong} is not a multiple .* size 16'):
        convert(tmp_path / 'mae.pth', tmp_path / 'out.pth', 'mmct', template, search)


def test_pretrained_vit_has_no_released_layout(tmp_path):
    torch.save({'model': pretrained_vit()}, tmp_path / 'mae.pth')
    with pytest.raises(CheckpointError, match='no released layout for it, use --to mmct'):
        convert(tmp_path / 'mae.pth', tmp_path / 'out.pth', 'released', 128, 256)


def test_pretrained_vit_is_to_be_converted_first(tmp_path):
    torch.save({'model': pretrained_vit()}, tmp_path / 'mae.pth')
    with pytest.raises(CheckpointError, match='pretrained ViT; tools/convert_weights.py makes'):
        load_weights(build(tracker()), tmp_path / 'mae.pth')


def test_unknown_and_missing_keys_of_a_vit(tmp_path):
    state = pretrained_vit()
    state['relative_position'] = state.pop('blocks.3.norm1.bias')
    torch.save({'model': state}, tmp_path / 'mae.pth')
    with pytest.raises(CheckpointError, match='understand 1 keys: relative_position; it lacks 1 '
                       'keys: blocks.3.norm1.bias'):
        convert(tmp_path / 'mae.pth', tmp_path / 'out.pth', 'mmct', 32, 64)


# Students

def test_extracted_student_is_a_plain_tracker(files):
    folder, model = files
    state = net(folder / 'student.pth')
    assert same_weights(state, model.student)
    assert read_checkpoint(folder / 'student.pth').keys() == {'state_dict', 'meta'}
    plain = build(student())
    load_weights(plain, folder / 'student.pth')
    batch = pair_batch()
    assert torch.equal(search_map(plain.eval().backbone, batch),
                       search_map(model.eval().student.backbone, batch))


def test_nothing_to_extract(files, tmp_path):
    folder, _ = files
    with pytest.raises(CheckpointError, match='teacher.pth holds no student: expected keys that '
                       'start with "student."'):
        extract_student(folder / 'teacher.pth', tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


def test_a_student_does_not_replace_its_compression(files):
    folder, _ = files
    before = (folder / 'epoch_3.pth').read_bytes()
    with pytest.raises(ValueError, match='epoch_3.pth is the checkpoint of the compression itself'):
        extract_student(folder / 'epoch_3.pth', folder / '.' / 'epoch_3.pth')
    assert (folder / 'epoch_3.pth').read_bytes() == before


def test_students_load_from_every_kind_of_file(files, tmp_path):
    folder, model = files
    convert(folder / 'student.pth', tmp_path / 'released.pth.tar', 'released', 128, 256)
    for file in (folder / 'epoch_3.pth', folder / 'student.pth', tmp_path / 'released.pth.tar'):
        plain = build(student(), seed=7)
        load_weights(plain, file)
        assert same_weights(plain, model.student)


@pytest.mark.parametrize(('config', 'message'), [
    (student(1), 'has layers: 2, the tracker of the config: 1'),
    (student(width=64), 'has embed_dims: 32, the tracker of the config: 64'),
    (tracker(head='CornerHead', depth=2), 'has no: .*predictor'),
])
def test_files_that_do_not_fit(files, config, message):
    folder, _ = files
    model = build(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_weights(model, folder / 'student.pth')
    assert same_weights(before, model)


def test_unknown_weights_are_named(tmp_path):
    state = build(tracker()).state_dict()
    state['backbone.extra'] = torch.zeros(1)
    save_checkpoint({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r"has unknown keys: \['backbone.extra'\]"):
        load_weights(build(tracker()), tmp_path / 'a.pth')
    del state['backbone.extra'], state['backbone.layers.1.norm1.bias']
    save_checkpoint({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r"also \['backbone.layers.1.norm1.bias'\]"):
        load_weights(build(tracker()), tmp_path / 'a.pth')
