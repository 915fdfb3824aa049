"""``python -m cior``."""

from cior.cli import main

if __name__ == "__main__":
    main()
