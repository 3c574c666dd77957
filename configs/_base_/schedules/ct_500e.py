# The paper's: 500 epochs of 60 000 pairs, total batch 128 (8 processes of 16).
max_epochs = 500
train_cfg = dict(type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=10)
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-5, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = dict(type='MultiStepLR', by_epoch=True, milestones=[400], gamma=0.1)
auto_scale_lr = dict(enable=False, base_batch_size=128)
# A process leaves the layers of the stages that it gives to the teacher without gradient.
find_unused_parameters = True
