from mmtrack.registry import TRANSFORMS

from .chance import ByChance


@TRANSFORMS.register_module()
class GrayPair(ByChance):
    """Remove the colour of all frames together, with probability ``prob``.

    ``CropPair`` removes the colour from the crops, which has the same result as removing it from
    whole frames and costs less.
    """

    def transform(self, results: dict) -> dict:
        """Add ``gray``, a bool."""
        results['gray'] = self.happens(results['rng'])
        return results
