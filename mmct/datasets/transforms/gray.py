from mmtrack.registry import TRANSFORMS

from .chance import ByChance


@TRANSFORMS.register_module()
class GrayPair(ByChance):
    """Decide, with probability ``prob``, that all frames together lose their colour.

    ``CropPair`` takes the colour from the squares that it cuts, which gives what frames without
    colour would give, and costs less.
    """

    def transform(self, results: dict) -> dict:
        """Add ``gray``, a bool."""
        results['gray'] = self.happens(results['rng'])
        return results
