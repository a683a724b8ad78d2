"""Problems: data + model + loss, one per file."""

from steepest.problems.base import Problem, Task, Work
from steepest.problems.image_classification import ImageClassification
from steepest.problems.image_models import CNN, ResNet, ViT
from steepest.problems.language_model import LanguageModel, Transformer
from steepest.problems.last_layer import LastLayer
from steepest.problems.quadratic import WeightedQuadratic
from steepest.problems.softmax_regression import SoftmaxRegression
from steepest.problems.softmax_unigram import SoftmaxUnigram

__all__ = [
    "CNN",
    "ImageClassification",
    "LanguageModel",
    "LastLayer",
    "Problem",
    "ResNet",
    "SoftmaxRegression",
    "SoftmaxUnigram",
    "Task",
    "Transformer",
    "ViT",
    "WeightedQuadratic",
    "Work",
]
