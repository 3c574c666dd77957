# A teacher that eliminates candidates, as the released ones were trained.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(
    teacher=dict(
        backbone=dict(
            elimination=dict(
                layers=[3, 6, 9], keep_ratio=[0.7, 0.7, 0.7], template_range='CTR_POINT'))))
