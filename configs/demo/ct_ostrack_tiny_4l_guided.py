# The demo's student: no stage is replaced, since in a run of minutes replacement costs the student
# more steps than it is worth, and batches are small for more steps (docs/experiments.md).
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(replace_prob=1.)
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='constant', init=1.)
]
train_dataloader = dict(batch_size=8)

max_epochs = 6
train_cfg = dict(max_epochs=max_epochs, val_interval=6)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_epochs)]
