# ODTrack-B of GOT-10k only, as its server asks for: the whole training split, validated on the
# validation split, tested on the test split with one template more.
_base_ = './odtrack_b384.py'
model = dict(test_cfg=dict(templates=dict(count=4)))
got10k = dict(
    type='GOT10kDataset', data_root=_base_.got10k_root, data_prefix=dict(img_path='.'))
train_dataloader = dict(
    dataset=dict(
        weights=[1], datasets=[dict(ann_file='annotations/got10k_train_infos.txt', **got10k)]))
val_dataloader = dict(
    dataset=dict(datasets=[dict(ann_file='annotations/got10k_val_infos.txt', **got10k)]))
test_dataloader = dict(dataset=dict(ann_file='annotations/got10k_test_infos.txt', **got10k))
test_cfg = dict(submission='got10k')

train_cfg = dict(max_epochs=100)
param_scheduler = dict(milestones=[80])
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='EliminationScheduleHook', keep_ratio=0.7, start=20, end=70)
]
