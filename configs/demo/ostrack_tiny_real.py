# The demo's teacher, trained further on real pictures, from the weights of ostrack_tiny_taught.py
# (docs/demo.md#what-real-pictures-add).
_base_ = ['./ostrack_tiny_taught.py', '../_base_/datasets/real_pictures.py']
load_from = 'weights/ostrack_tiny_taught.pth'
model = dict(student=dict(backbone=dict(patch_embed=dict(norm_eval=True))))
train_dataloader = dict(batch_size=16, dataset=_base_.real_pictures)

max_epochs = 24  # of 6 400 pairs
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
