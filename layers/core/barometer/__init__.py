"""What Barometer's functions share."""
