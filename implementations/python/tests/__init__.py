"""The package's own tests; run them with `python3 -m unittest` in implementations/python."""
