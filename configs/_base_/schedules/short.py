# For small trackers: 8 epochs of 6 400 pairs, batch 32 in one process.
max_epochs = 8
train_cfg = dict(type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=4)
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1., norm_type=2))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
# A process leaves the layers of the stages that it gives to the teacher without gradient.
find_unused_parameters = True
