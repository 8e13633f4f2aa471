"""The rules of prepaid metering: pure functions and frozen values, without input, output or a clock."""
