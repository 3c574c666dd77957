# Four layers that eliminate candidates in the stages in which OSTrack's released models do (ours).
_base_ = './ct_ostrack_4l.py'
model = dict(
    student=dict(
        backbone=dict(
            elimination=dict(
                layers=[1, 2, 3], keep_ratio=[0.7, 0.7, 0.7], template_range='CTR_POINT'))))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='EliminationScheduleHook', keep_ratio=0.7, start=20, end=100)
]
