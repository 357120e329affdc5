"""Axes that one could give a name: the features of a model beside those of other methods, as many of each."""
