# The same student from ground truth only, on the same pairs.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(replace_prob=1., guidance_loss=None, mimic_loss=None)
custom_hooks = [dict(type='IterationSeedHook')]
