# Ground truth only, from the teacher's first four layers.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(
    replace_prob=1.,
    guidance_loss=None,
    mimic_loss=None,
    student=dict(backbone=dict(layer_init='first_k')))
custom_hooks = [dict(type='IterationSeedHook')]
