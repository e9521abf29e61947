"""Influence of training encounters on a prediction: pure functions, arrays in and arrays out."""
