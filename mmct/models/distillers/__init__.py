from .replacement_distiller import ReplacementDistiller, draw_gates
