"""What the README claims, measured: `python -m benchmarks` prints every table and writes results.json."""
