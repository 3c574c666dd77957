# MixFormerV2's twelve-layer intermediate: edges in 72 bins, no score, so the templates stay as they
# are in the first frame.
_base_ = './mixformerv2_b.py'
model = dict(
    frozen=[],
    backbone=dict(depth=12),
    head=dict(bins=72, with_score=False),
    test_cfg=dict(templates=dict(_delete_=True, type='Fixed', copies=2)))
