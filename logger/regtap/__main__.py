"""`python -m regtap` is `regtap`."""

import sys

from regtap.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
