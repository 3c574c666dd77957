# Stages trained one after another in place of the teacher's ("Decouple-300").
_base_ = '../ct_ostrack_4l_300e.py'
train_cfg = dict(max_epochs=330)
param_scheduler = dict(milestones=[300])
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='OneStageAtATimeHook', epochs_per_stage=75)
]
