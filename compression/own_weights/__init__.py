"""Networks that people bring: safetensors files from outside, checked before anything of them is used, and what fits them."""
