"""python -m grokatlas.cli."""

from . import main

main()
