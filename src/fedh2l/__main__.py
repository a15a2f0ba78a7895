"""python -m fedh2l: the command line."""

from fedh2l.cli import main

if __name__ == "__main__":
    main()
