# Ground truth only: the student alone, without replacement, guidance or mimicking.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(replace_prob=1., guidance_loss=None, mimic_loss=None)
custom_hooks = [dict(type='IterationSeedHook')]
