"""The frames of a sample in the results of a pipeline: templates first, then search frames."""
import numpy as np


def views(results: dict) -> list[list[np.ndarray]]:
    """Lists of crops, each (S, S, 3), one for each size that there is."""
    return [results[key] for key in ('img', 'student_img') if key in results]


def kinds(results: dict) -> list[int]:
    """Of each box, whether it is a template's (0) or a search frame's (1): the index of its values
    in settings that have one for each."""
    templates = results.get('num_templates', 1)
    return [int(i >= templates) for i in range(len(results['boxes']))]
