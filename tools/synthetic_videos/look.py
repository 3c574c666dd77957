"""What light, lens and recorder do to a whole frame."""
import math

import cv2
import numpy as np
from numpy.random import Generator

from .motion import smooth
from .pictures import noise


class Look:
    """Exposure, colours, sharpness, noise and compression, the same for all frames of a video.

    Args:
        image: a frame to expose for, (H, W, 3) uint8 BGR.
        length: units of time that the video lasts.
    """

    def __init__(self, rng: Generator, image: np.ndarray, length: int) -> None:
        height, width = image.shape[:2]
        self.gain = np.exp(rng.uniform(0, 0.35) * smooth(rng, length, rng.uniform(30, 200)))
        gamma = math.exp(rng.normal() * 0.25)
        cast = rng.normal(1, 0.07, size=3)
        haze = rng.uniform(0, 60) if rng.random() < 0.25 else 0
        self.curve = haze + (255 - haze) * (np.arange(256)[:, None] / 255) ** gamma * cast
        # Cameras expose: no film is all black or all white.
        middle = self.curve[image].mean()
        self.curve *= np.clip(rng.uniform(60, 170) / (middle + 1), 0.6, 3) ** 0.8
        self.grey = rng.random() < 0.1
        self.faded = rng.uniform(0.3, 0.9) if rng.random() < 0.4 else 1
        self.blur = rng.uniform(0.4, 1.3) if rng.random() < 0.35 else 0
        # Of a cheap camera: few pixels, edges sharpened again, hard compression.
        cheap = rng.random() < 0.45
        self.coarse = rng.uniform(1.15, 2.2) if cheap else 1
        self.sharpen = rng.uniform(0.3, 1.2) if cheap and rng.random() < 0.6 else 0
        self.quality = int(rng.uniform(15, 60)) if cheap and rng.random() < 0.7 else None
        self.noise = None
        if rng.random() < 0.7:
            strength = rng.uniform(1, 9)
            grain = rng.normal(size=(height + 32, width + 32, 3)) * strength
            if rng.random() < 0.5:  # the same in all three colours
                grain[:] = grain[..., :1]
            self.noise = np.int16(grain)
        self.light = None
        if rng.random() < 0.2:
            light = noise(rng, 2 * height, 2 * width)
            self.light = cv2.merge([np.uint8(110 + 145 * light)] * 3)

    def apply(self, rng: Generator, image: np.ndarray, time: int) -> np.ndarray:
        """(H, W, 3) uint8 BGR to the same as recorded."""
        height, width = image.shape[:2]
        if self.light is not None:
            x, y = time * 2 % width, time % height
            image = cv2.multiply(image, self.light[y:y + height, x:x + width], scale=1 / 255)
        curve = np.clip(self.curve * self.gain[time], 0, 255).astype(np.uint8)[None]
        image = cv2.LUT(image, curve)
        if self.grey or self.faded < 1:
            grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            keep = 0 if self.grey else self.faded
            image = cv2.addWeighted(image, keep, grey, 1 - keep, 0)
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.coarse > 1:
            small = cv2.resize(image, None, fx=1 / self.coarse, fy=1 / self.coarse,
                               interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        if self.sharpen:
            image = cv2.addWeighted(image, 1 + self.sharpen, cv2.blur(image, (3, 3)),
                                    -self.sharpen, 0)
        if self.noise is not None:
            x, y = rng.integers(32, size=2)
            image = cv2.add(image, self.noise[y:y + height, x:x + width], dtype=cv2.CV_8U)
        if self.quality is not None:
            packed = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return image
