#!/usr/bin/env bash
# onnx 1.23.2: version_converter changes over which axes a Softmax sums, down to opset 12.
#
# Since opset 13 Softmax is over one axis, before over that axis and all behind it. Up from 12 the
# converter puts a flattening around it. Down, for runtimes and chips that take opset 12 at most, it
# leaves axis as it is, so that a Softmax over any but the last axis of some size is another one: the
# classes of a score map, target and background in each cell, add up to 1 over all cells together.
# LogSoftmax is the same, and Hardmax up from 12, where it has no flattening. No error, as it raises
# for operators that it cannot convert; pull request 6608, which brought it for issue 6340, promises
# the former behaviour. Of the converter's Resize, 10 to 11, the like is known (issue 8480).
# Seen, Conv, Relu, Conv, Softmax over the 2 channels of 5x5 cells. Sum over the channels of a cell
# and over all: opset 13 1 and 25; 12 to 13 and same axis in 12 and 11 below 0.5 and 1.
set -eu
