"""Settings of the command line that nothing reads are errors, which name those that work."""
import pytest
from commands import ROOT, run_tool
from mmengine.config import Config
from running.options import merge_options

DEMO = ROOT / 'configs/demo/ct_ostrack_tiny_4l.py'


@pytest.fixture
def config():
    return Config.fromfile(DEMO)


@pytest.mark.parametrize(('key', 'said'), [
    ('data_root', 'the config has used its variable data_root already, as it was read; set '
     'test_dataloader.dataset.data_root, train_dataloader.dataset.datasets.0.data_root, '),
    ('max_epochs', 'already, as it was read; set train_cfg.max_epochs'),
    ('crop', 'already, as it was read; set train_dataloader.dataset.pipeline.3, val_dataloader.'),
    ('crop.size', 'already, as it was read; set train_dataloader.dataset.pipeline.3.size, val_'),
    ('vis_backends', 'already, as it was read; set visualizer.vis_backends'),
    ('custom_imports.imports', 'the config has used its variable custom_imports already'),
    ('train_dataloder.batch_size', 'nothing reads train_dataloder; set train_dataloader.batch_'),
    ('lr', 'nothing reads lr; set optim_wrapper.optimizer.lr'),
    ('launcher', 'nothing reads launcher; set --launcher'),
    ('nothing.at_all', 'nothing reads nothing'),
    ('env_cfg.cudnn', 'env_cfg has no cudnn, only cudnn_benchmark, mp_cfg, dist_cfg, resource_'),
    ('optim_wrapper.paramwise_cfg.custom_keys.head.lrmult', 'has NAME.lr_mult and NAME.decay_mult'),
    ('optim_wrapper.paramwise_cfg.custom_keys.head.a.lr_mult', 'alone, NAME without dots'),
])
def test_what_has_no_effect(config, key, said):
    before = config.to_dict()
    with pytest.raises(ValueError, match='has no effect') as error:
        merge_options(config, {key: 3})
    assert str(error.value).startswith(f'--cfg-options {key} has no effect: ')
    assert said in str(error.value)
    assert config.to_dict() == before


@pytest.mark.parametrize('key', [
    'load_from', 'resume', 'work_dir', 'find_unused_parameters', 'custom_hooks.0.new',
    'default_hooks.new.type', 'model.student.backbone.new', 'env_cfg.cudnn_benchmark',
    'test_dataloader.dataset.pipeline.0.levels', 'optim_wrapper.paramwise_cfg.custom_keys',
    'optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult',
    'randomness.deterministic', 'auto_scale_lr.base_batch_size'])
def test_what_may_be_new(config, key):
    merge_options(config, {key: 3})
    for name in key.split('.'):
        config = config[int(name) if name.isdecimal() else name]
    assert config == 3


@pytest.mark.parametrize('args', [
    ('train.py', DEMO), ('test.py', DEMO, 'none.pth'),
    ('analyze_stages.py', DEMO, 'none.pth')])
def test_every_tool(args):
    done = run_tool(*args, '--cfg-options', 'max_epoch=1')
    assert (done.status, done.err) == (
        2, 'error: --cfg-options max_epoch has no effect: nothing reads max_epoch\n')


@pytest.mark.parametrize(('key', 'said'), [
    ('load_from', 'tools/test.py takes weights from CHECKPOINT'),
    ('resume', 'tools/test.py takes --resume'),
    ('model.test_cfg.search_factor', 'of a compression the student is tested; set '
     'model.student.test_cfg.search_factor')])
def test_what_a_test_does_not_read(key, said):
    done = run_tool('test.py', DEMO, 'none.pth', '--cfg-options', f'{key}=1')
    assert (done.status, done.err) == (2, f'error: --cfg-options {key} has no effect: {said}\n')


def test_the_demo_says_so_before_it_trains(tmp_path):
    done = run_tool('demo.py', '--data', tmp_path / 'none', '--work-dir', tmp_path / 'work',
                    '--cfg-options', 'max_epochs=1')
    assert done.status == 2
    assert 'set train_cfg.max_epochs' in done.err
    assert not list(tmp_path.iterdir())


def test_a_setting_of_the_checkpoint_hook(setup, tool, tmp_path):
    """MMEngine's would be an error at the first checkpoint, hours later."""
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--cfg-options',
                'default_hooks.checkpoint.intervall=1')
    assert done.status == 2
    assert done.err.endswith('has a fault: ResumableCheckpointHook takes no intervall\n')


def test_a_setting_of_tracking(setup, tool, tmp_path):
    done = tool('test.py', setup.config, setup.student, '--work-dir', tmp_path, '--cfg-options',
                'model.student.test_cfg.search_facto=5.')
    assert (done.status, done.err) == (
        2, 'error: test_cfg has search_facto, which nothing reads; expected template_factor, '
        'search_factor, margin, shrink, exact_crops or templates\n')
