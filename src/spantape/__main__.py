"""`python -m spantape` is the `spantape` command."""

from spantape.cli import main

if __name__ == "__main__":
    main()
