"""Boxes as people type them."""
import argparse


def parse_box(text: str) -> tuple[float, ...]:
    """'x,y,w,h' in pixels, for ``argparse``."""
    try:
        x, y, w, h = (float(part) for part in text.split(','))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected X,Y,W,H in pixels, got {text!r}') from None
    return x, y, w, h
