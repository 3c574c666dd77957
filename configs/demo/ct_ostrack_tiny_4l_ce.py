# The demo's student, three of whose four layers eliminate candidates. All template tokens rank:
# there is no published centre for a template of 6 x 6.
_base_ = './ct_ostrack_tiny_4l_guided.py'
model = dict(
    student=dict(
        backbone=dict(
            elimination=dict(
                layers=[1, 2, 3], keep_ratio=[0.7, 0.7, 0.7], template_range='ALL'))))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='EliminationScheduleHook', keep_ratio=0.7, start=1, end=3)
]
