import json
from types import SimpleNamespace

import pytest
import torch
from commands import ROOT
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import IterBasedTrainLoop
from mmtrack.registry import HOOKS
from tiny import build, distiller, embedded, pair_batch, save_teacher, student, tracker

from mmct.engine.hooks import progressive_prob, scheduled_keep_ratio


def hook(name, **kwargs):
    return HOOKS.build({'type': name, **kwargs})


def runner(model, epoch=0, max_epochs=10, **kwargs):
    """What a hook sees of a runner."""
    return SimpleNamespace(**{
        'model': model, 'epoch': epoch, 'max_epochs': max_epochs, 'seed': None, 'iter': 0,
        'train_loop': None, 'cfg': {}, 'message_hub': MessageHub.get_instance('hooks'), **kwargs})


@pytest.fixture
def model():
    return build(distiller(None))


# Replacement

def test_progressive_schedule_by_the_book():
    for epochs in (10, 20, 300, 500, 505):
        k = epochs // 10
        for e in range(1, epochs + 1):
            if e <= k + 1:
                expected = 0.5
            elif e <= epochs - k:
                expected = 0.5 + 0.5 * (e - k) / (epochs - 2 * k)
            else:
                expected = 1.
            assert progressive_prob(e, epochs) == pytest.approx(expected, abs=1e-12)


def test_progressive_schedule_of_the_published_code(golden):
    schedule = json.loads((golden('compresstracker_l4') / 'meta.json').read_text())['schedule']
    assert {'500', '300', '20'} <= set(schedule)
    for epochs, probs in schedule.items():
        ours = [progressive_prob(e, int(epochs)) for e in range(1, len(probs) + 1)]
        assert ours == pytest.approx(probs, abs=1e-12)


def test_progressive_schedule_with_other_ends():
    probs = [progressive_prob(e, 20, init=0.2, alpha1=0.25, alpha2=0.5) for e in range(1, 21)]
    assert probs[:6] == [0.2] * 6
    assert probs[6:10] == pytest.approx([0.2 + 0.8 * i / 5 for i in (2, 3, 4, 5)])
    assert probs[10:] == [1.] * 10


@pytest.mark.parametrize('epochs', [1, 2, 3, 7])
def test_short_trainings_stay_in_range(epochs):
    probs = [progressive_prob(e, epochs) for e in range(1, epochs + 1)]
    assert all(0.5 <= p <= 1 for p in probs)
    assert probs == sorted(probs)


def test_schedule_reaches_the_model_and_the_log(model):
    schedule = hook('ReplacementScheduleHook')
    for epoch in range(10):
        state = runner(model, epoch)
        schedule.before_train_epoch(state)
        assert model.replace_prob == progressive_prob(epoch + 1, 10)
        schedule.after_train_iter(state)
        logged = state.message_hub.get_scalar('train/replace_prob').current()
        assert logged == model.replace_prob


def test_constant_schedule_and_its_final_epochs(model):
    schedule = hook('ReplacementScheduleHook', mode='constant', init=0.6, final_epochs=3)
    probs = []
    for epoch in range(10):
        schedule.before_train_epoch(runner(model, epoch))
        probs.append(model.replace_prob)
    assert probs == [0.6] * 7 + [1.] * 3
    assert hook('ReplacementScheduleHook', mode='constant', init=0.3).prob(10, 10) == 0.3


def test_schedule_over_iterations(model):
    """For MMEngine, a loop over iterations is one epoch."""
    schedule, loop = hook('ReplacementScheduleHook'), object.__new__(IterBasedTrainLoop)
    schedule.before_train(runner(model, train_loop=loop))
    schedule.before_train_epoch(runner(model, 0, 1))
    probs = []
    for i in range(20):
        schedule.before_train_iter(runner(model, 0, 1, iter=i, max_iters=20))
        probs.append(model.replace_prob)
    assert probs == [progressive_prob(i + 1, 20) for i in range(20)]
    # It stays as it is until the next run's before_train says otherwise.
    schedule.before_train(runner(model))
    schedule.before_train_iter(runner(model, iter=0, max_iters=20))
    assert model.replace_prob == probs[-1]
    with pytest.raises(ValueError, match='final_epochs=2 of ReplacementScheduleHook needs a loop '
                       "over epochs, train_cfg.type='ResumableTrainLoop'"):
        hook('ReplacementScheduleHook', mode='constant', final_epochs=2).before_train(
            runner(model, train_loop=loop))


@pytest.mark.parametrize(('seed', 'expected'), [(5, 5), (None, 0)])
def test_gates_take_the_seed_of_the_run(model, seed, expected):
    hook('ReplacementScheduleHook').before_train(runner(model, seed=seed))
    assert model.seed == expected


def test_a_probability_that_the_schedule_replaces(model):
    for init, given in ((0.3, 0.9), (0.5, 1.)):
        with pytest.raises(ValueError, match=f'model.replace_prob={given} has no effect, for '
                           f'init={init} of ReplacementScheduleHook'):
            hook('ReplacementScheduleHook', init=init).before_train(
                runner(model, cfg={'model': {'replace_prob': given}}))
    hook('ReplacementScheduleHook', init=0.9).before_train(
        runner(model, cfg={'model': {'replace_prob': 0.9}}))


@pytest.mark.parametrize(('options', 'message'), [
    ({'mode': 'linear'}, 'is not "progressive" or "constant"'),
    ({'init': 0}, r'init=0 must be in \(0, 1\]'),
    ({'init': 1.5}, r'init=1.5 must be in \(0, 1\]'),
    ({'alpha1': 0.5, 'alpha2': 0.5}, 'sum to less than 1'),
    ({'alpha1': -0.1}, r'must be in \[0, 1\)'),
])
def test_schedules_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        hook('ReplacementScheduleHook', **options)


# Elimination

def test_elimination_of_a_student_is_scheduled():
    student_config = student(2, elimination={'layers': [1], 'template_range': 'ALL'})
    model = build(distiller(None, student=student_config))
    schedule = hook('EliminationScheduleHook', keep_ratio=0.5, start=2, end=6)
    layer = model.student.backbone.layers[1]
    for epoch, ratio in ((0, 1.), (3, 0.75), (6, 0.5)):
        schedule.before_train_epoch(runner(model, epoch))
        assert layer.scheduled_ratio == pytest.approx(ratio)
    schedule.before_test(runner(model, 7))
    assert layer.scheduled_ratio is None


def test_elimination_schedule_by_the_book():
    ratios = [scheduled_keep_ratio(e, 0.7) for e in range(120)]
    assert ratios[:21] == [1.] * 21
    assert ratios[60] == pytest.approx(0.85)
    assert ratios[40] == pytest.approx(0.7 + 0.15 * (1 + 2**0.5 / 2))
    assert ratios[100:] == [0.7] * 20
    assert ratios == sorted(ratios, reverse=True)
    assert scheduled_keep_ratio(5, 0.5, start=0, end=10) == pytest.approx(0.75)


def test_elimination_is_scheduled_in_training_and_own_in_test():
    elimination = {'layers': [1, 2], 'keep_ratio': [0.9, 0.5], 'template_range': 'ALL'}
    model = build(tracker(elimination=elimination)).eval()
    schedule = hook('EliminationScheduleHook', keep_ratio=0.5, start=2, end=6)

    def counts():
        tokens, out = embedded(model, pair_batch()), []
        for layer in model.backbone.layers:
            tokens = layer(tokens)
            out.append(tokens.length('search'))
        return out

    assert counts() == [16, 15, 8, 8]
    seen = []
    for epoch in range(7):
        schedule.before_train_epoch(runner(model, epoch))
        seen.append(counts())
    # Epoch 3, the fourth, halves the way: ratio 0.75.
    assert seen[:2] == [[16] * 4] * 2
    assert seen[3] == [16, 12, 9, 9]
    assert seen[5:] == [[16, 8, 4, 4]] * 2
    schedule.before_test(runner(model, 7))
    assert counts() == [16, 15, 8, 8]


def test_schedules_count_iterations_if_they_are_told_to():
    model = build(tracker(elimination={
        'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'}))
    loop = object.__new__(IterBasedTrainLoop)
    schedule = hook('EliminationScheduleHook', keep_ratio=0.5, start=4, end=8, by_epoch=False)
    schedule.before_train(runner(model, train_loop=loop))
    seen = []
    for i in range(9):
        schedule.before_train_epoch(runner(model))
        schedule.before_train_iter(runner(model, iter=i))
        seen.append(model.backbone.layers[1].scheduled_ratio)
    assert seen == [scheduled_keep_ratio(i + 1, 0.5, 4, 8) for i in range(9)]
    assert (seen[0], seen[-1]) == (1, 0.5)
    model = build(distiller(None))
    turns = hook('OneStageAtATimeHook', epochs_per_stage=2, by_epoch=False)
    turns.before_train(runner(model, train_loop=loop, max_iters=5))
    seen = []
    for i in range(5):
        turns.before_train_epoch(runner(model))
        turns.before_train_iter(runner(model, iter=i))
        seen.append((model.fixed_gates, *(
            all(p.requires_grad for p in model.student.backbone.stage(k).parameters())
            for k in range(2))))
    assert seen == 2 * [([True, False], True, False)] + 2 * [([True, True], False, True)] + [
        ([True, True], True, True)]


@pytest.mark.parametrize(('name', 'settings'), [
    ('EliminationScheduleHook', 'start and end'), ('OneStageAtATimeHook', 'epochs_per_stage')])
def test_epochs_are_not_counted_where_there_are_none(model, name, settings):
    with pytest.raises(ValueError, match=f'{settings} of {name} count epochs, the loop of the '
                                         'config iterations; give them in iterations'):
        hook(name).before_train(runner(model, train_loop=object.__new__(IterBasedTrainLoop)))
    hook(name).before_train(runner(model, max_epochs=300))


# One stage at a time

@pytest.mark.parametrize(('epochs', 'refused'), [(4, True), (5, False)])
def test_every_stage_has_its_turn(model, epochs, refused):
    turns, state = hook('OneStageAtATimeHook', epochs_per_stage=4), runner(model, max_epochs=epochs)
    if not refused:
        turns.before_train(state)
        return
    with pytest.raises(ValueError, match='epochs_per_stage=4 leaves the last of 2 stages no turn '
                       'before the training ends, after 4; set it lower'):
        turns.before_train(state)


def test_one_stage_at_a_time(tmp_path):
    model = build(distiller(save_teacher(tmp_path / 't.pth'), student=student(4))).train()
    model.build_teacher()
    backbone = model.student.backbone
    schedule = hook('OneStageAtATimeHook', epochs_per_stage=3)
    schedule.before_train(runner(model))
    batch = pair_batch()
    embedding = (backbone.patch_embed.proj.weight, backbone.pos_embed_z, backbone.pos_embed_x)
    for epoch in range(14):
        schedule.before_train_epoch(runner(model, epoch))
        turn = epoch // 3
        together = turn == 4
        assert model.fixed_gates == [together or i <= turn for i in range(4)]
        model.zero_grad()
        sum(model.losses(batch, batch, model.fixed_gates).values()).backward()
        for i, layer in enumerate(backbone.layers):
            trained = {p.grad is not None for p in layer.parameters()}
            assert trained == {together or i == turn}
        assert {p.grad is not None for p in embedding} == {together or turn == 0}
        for part in (backbone.norm, model.student.head):
            assert all(p.grad is not None for p in part.parameters())


@pytest.mark.parametrize(('config', 'embedding'), [
    ('demo/ct_ostrack_tiny_4l', {'patch_embed', 'pos_embed_z', 'pos_embed_x'}),
    ('demo/ct_mixformerv2_tiny_2l', {'patch_embed', 'reg_tokens', 'pos_embed_reg'}),
    ('demo/ct_odtrack_tiny_2l', {
        'patch_embed', 'pos_embed_z', 'pos_embed_x', 'cls_token', 'cls_pos_embed'}),
    ('demo/ct_sutrack_tiny_2l', {
        'patch_embed', 'coarse', 'cls_token', 'pos_embed', 'search_token', 'foreground_token',
        'background_token', 'text'}),
    ('ct_vittrack_2l', {'patch_embed', 'pos_embed_z', 'pos_embed_x'})])
def test_the_embedding_is_of_the_first_turn_only(config, embedding):
    model = build(Config.fromfile(ROOT / 'configs' / f'{config}.py').model)
    backbone = model.student.backbone
    turns = hook('OneStageAtATimeHook', epochs_per_stage=1)
    start = {name for name, p in backbone.named_parameters() if p.requires_grad}
    turns.before_train(runner(model))

    def trained(epoch):
        turns.before_train_epoch(runner(model, epoch))
        return {name for name, p in backbone.named_parameters() if p.requires_grad}

    def parts(names):
        return {name.split('.')[0] for name in names} - {'layers', 'norm'}

    assert parts(trained(0)) == embedding
    assert not parts(trained(1))
    assert trained(len(backbone.division)) == start


def test_what_the_config_freezes_has_no_turn():
    model = build(distiller(None, student=student(4), frozen=['backbone.layers.0.norm1']))
    turns = hook('OneStageAtATimeHook', epochs_per_stage=1)
    turns.before_train(runner(model))
    for epoch in range(5):
        turns.before_train_epoch(runner(model, epoch))
        assert not model.student.backbone.layers[0].norm1.weight.requires_grad
        assert model.student.backbone.layers[0].attn.qkv.weight.requires_grad == (epoch in (0, 4))


def test_fixed_gates_are_what_is_run(tmp_path, monkeypatch):
    model = build(distiller(save_teacher(tmp_path / 't.pth'))).train()
    turns = hook('OneStageAtATimeHook', epochs_per_stage=1)
    turns.before_train(runner(model))
    turns.before_train_epoch(runner(model))
    seen = []
    monkeypatch.setattr(model, 'losses', lambda *args: seen.append(args[-1]))
    model.build_teacher()
    for _ in range(3):
        model.loss({'clip': None})
    assert seen == [[True, False]] * 3


# Seeds

def test_randomness_is_a_function_of_the_iteration(monkeypatch):
    seed = hook('IterationSeedHook')

    def drawn(number, run=0, rank=0):
        monkeypatch.setattr('mmct.engine.hooks.iteration_seed_hook.get_rank', lambda: rank)
        state = runner(None)
        state.seed, state.iter = run, number
        seed.before_train_iter(state, batch_idx=0)
        return torch.rand(4).tolist()

    first = drawn(7)
    torch.manual_seed(99)
    assert drawn(7) == first == drawn(7, run=None)
    assert first not in (drawn(8), drawn(7, run=1), drawn(7, rank=1))
