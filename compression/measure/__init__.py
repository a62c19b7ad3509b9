"""What is measured of a network: accuracy and its interval, latency, size, compute."""
