"""Design matrices that are never dense as a whole: what a table of many millions of rows is worked with."""

from clinflu.data.matrix.base import AnyMatrix, DesignMatrix, whole
from clinflu.data.matrix.coded import Coded, CodedMatrix, Plain
from clinflu.data.matrix.dense import DenseMatrix
from clinflu.data.matrix.stacked import StackedMatrix

__all__ = ["AnyMatrix", "Coded", "CodedMatrix", "DenseMatrix", "DesignMatrix", "Plain", "StackedMatrix", "whole"]
