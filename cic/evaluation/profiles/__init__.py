"""All profiles as the measured model and its yardsticks see them."""
