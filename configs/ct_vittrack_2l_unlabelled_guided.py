# The same without the tracked boxes as labels: only the crops are made around them. The teacher's
# answers in these crops teach everything, the score map too.
_base_ = './ct_vittrack_2l_unlabelled.py'
model = dict(
    student=dict(
        head=dict(loss=dict(type='TrackLoss', focal_weight=0., iou_weight=0., l1_weight=0.))),
    guidance_loss=dict(focal_weight=1.))
