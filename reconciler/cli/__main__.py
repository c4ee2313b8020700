"""`python -m reconciler.cli`: for Git hooks and wherever the console script isn't on the PATH."""

from reconciler.cli import main

main()
