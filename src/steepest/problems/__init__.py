"""Problems: data + model + loss, one per file."""

from steepest.problems.base import Problem, Task, Work
from steepest.problems.last_layer import LastLayer
from steepest.problems.quadratic import WeightedQuadratic
from steepest.problems.softmax_regression import SoftmaxRegression

__all__ = ["LastLayer", "Problem", "SoftmaxRegression", "Task", "WeightedQuadratic", "Work"]
