# Four layers half as wide as the teacher's.
_base_ = './ct_ostrack_4l.py'
model = dict(
    student=dict(backbone=dict(embed_dims=384, num_heads=6), head=dict(in_channels=384)))
# What starts anew learns as fast as a new head does in OSTrack's recipe.
optim_wrapper = dict(optimizer=dict(lr=4e-4))
