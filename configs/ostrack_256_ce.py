# OSTrack-256 with candidate elimination, as the released models have it.
_base_ = './ostrack_256.py'
model = dict(
    backbone=dict(
        elimination=dict(
            layers=[3, 6, 9], keep_ratio=[0.7, 0.7, 0.7], template_range='CTR_POINT')))
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='EliminationScheduleHook', keep_ratio=0.7, start=20, end=100)
]
