"""The crops of a pair: the teacher's, and those of a student of another resolution."""
import numpy as np

# Key of the crops in a pipeline's results, prefix of their names in a packed pair.
VIEWS = {'img': '', 'student_img': 'student_'}


def views(results: dict) -> list[list[np.ndarray]]:
    """Lists of crops (template, search), each (S, S, 3), one for each size that there is."""
    return [results[key] for key in VIEWS if key in results]
