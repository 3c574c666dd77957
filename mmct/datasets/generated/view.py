"""Solid things on a picture: a parallel projection from a raised camera."""
import math

import numpy as np


class View:
    """How a thing is seen.

    A thing's own axes are side (to its left), ahead and up.

    Args:
        yaw: 0 comes towards the camera, pi / 2 walks to the right.
        elevation: of the camera, in radians.
    """

    def __init__(self, yaw, elevation):
        sin, cos = math.sin(yaw), math.cos(yaw)
        down, flat = math.sin(elevation), math.cos(elevation)
        self.matrix = np.array([[cos, sin, 0],
                                [-sin * down, cos * down, -flat],
                                [-sin * flat, cos * flat, down]])

    def project(self, points):
        """(..., 3) side, ahead, up -> (..., 3) right, down, nearness; directions likewise."""
        return np.asarray(points) @ self.matrix.T
