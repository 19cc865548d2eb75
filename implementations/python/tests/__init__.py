"""The package's own tests; run them with `python3 -m unittest` in implementations/python."""

import logging

logging.disable(logging.CRITICAL)
