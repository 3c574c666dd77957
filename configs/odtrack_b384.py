# ODTrack-B from an MAE-pretrained ViT-B (tools/convert_weights.py --starts ODTrack makes the file).
_base_ = [
    '_base_/models/odtrack_b384.py', '_base_/datasets/odtrack.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/odtrack_300e.py',
    '_base_/default_runtime.py'
]
model = dict(
    backbone=dict(
        elimination=dict(
            layers=[3, 6, 9], keep_ratio=[0.7, 0.7, 0.7], template_range='CTR_POINT')))
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='EliminationScheduleHook', keep_ratio=0.7, start=20, end=100)
]
load_from = 'weights/mae_vit_base_odtrack_384.pth'
