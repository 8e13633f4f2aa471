"""Configuration: settings of the process, and the site file."""
