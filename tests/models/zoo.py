"""The networks of the zoo that differ in more than their first layers, for tests whose time each network costs."""

from compression.models import MODELS

DIFFERENT = [name for name in MODELS if name != "resnet18_imagenet"]  # its blocks are those of resnet18
