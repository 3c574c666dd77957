from .replacement_distiller import ReplacementDistiller, draw_gates

__all__ = ['ReplacementDistiller', 'draw_gates']
