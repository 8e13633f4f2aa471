"""What the bridge is told: settings of the installation, and the site file."""
