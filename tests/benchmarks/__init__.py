"""Benchmarks: ratios within one run, printed with the machine; nothing here is asserted by the tests."""
