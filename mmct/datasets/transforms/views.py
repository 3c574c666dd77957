"""The crops of a pair: the teacher's, and those of a student of another resolution."""

# Key of the crops in a pipeline's results, prefix of their names in a packed pair.
VIEWS = {'img': '', 'student_img': 'student_'}


def views(results):
    """Lists of crops (template, search), of all sizes that there are."""
    return [results[key] for key in VIEWS if key in results]
