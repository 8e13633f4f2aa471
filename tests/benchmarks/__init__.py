"""Benchmarks: ratios within one run, printed with the machine; no test asserts them."""
