# The teacher's head, frozen.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(frozen=['head'])
