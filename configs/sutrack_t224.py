# SUTrack-T224: twelve layers of 384 channels behind one and one convolutional block; one template,
# which is never updated.
_base_ = './sutrack_b224.py'
model = dict(
    backbone=dict(embed_dims=384, depth=12, num_heads=6, coarse_depths=[1, 1]),
    head=dict(in_channels=384),
    test_cfg=dict(templates=dict(_delete_=True, type='Fixed')))
sampling = dict(num_templates=1)
train_dataloader = dict(dataset=dict(sampling=sampling))
val_dataloader = dict(dataset=dict(sampling=sampling))
