# Four layers for stages as tools/analyze_stages.py divides the tiny teacher (docs/insight.md).
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(division=[1, 3, 3, 5])))
