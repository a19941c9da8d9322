"""grokatlas: map grokking in small transformers trained on modular arithmetic."""

__version__ = "0.1.0"
