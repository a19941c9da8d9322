"""The one exception a user is meant to read."""

from __future__ import annotations


class GrokatlasError(Exception):
    """Bad input or a broken file: one line that names the culprit and says what to do.

    The command line and the workflow scripts print the message without a traceback and exit with 1.
    """
