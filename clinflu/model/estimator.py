"""The fit as a scikit-learn classifier, for pipelines and cross-validation."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, OneClassError
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Binary logistic regression at its exact optimum, with an L2 penalty on the summed loss.

    Parameters
    ----------
    penalty : float
        Of every coefficient but the intercept, which is free; scikit-learn's ``1 / C``. 0: maximum likelihood.
    fit_intercept : bool
        Whether there is an intercept.

    Attributes
    ----------
    classes_ : (2,)
        The labels; the second is the event.
    coef_ : (1, p)
        Coefficients, log-odds per unit of the column.
    intercept_ : (1,)
        Log-odds; 0 where there is no intercept.
    n_iter_ : int
        Newton steps taken.
    n_features_in_ : int
    feature_names_in_ : (p,)
        Only where the columns had names.
    """

    def __init__(self, penalty: float = 1.0, *, fit_intercept: bool = True) -> None:
        self.penalty = penalty
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to the stopping rule of :func:`clinflu.model.newton.fit_logistic`.

        Parameters
        ----------
        X : (n, p)
        y : (n,)
            Two different labels.
        sample_weight : (n,), optional
            Weight of each row in the loss; by default 1.

        Raises
        ------
        FitError
            Its kinds name the reason; all of them are ValueError.
        """
        x, labels = validate_data(self, X, y, dtype=np.float64)
        self.classes_, codes = _two_classes(labels)
        weights = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        penalty = np.full(x.shape[1], float(self.penalty))
        if self.fit_intercept:
            x, penalty = np.column_stack([np.ones(len(x)), x]), np.append(0.0, penalty)
        model = fit_logistic(x, codes.astype(np.float64), weights, penalty)
        self.coef_ = model.theta[None, int(self.fit_intercept) :]
        self.intercept_ = model.theta[:1] if self.fit_intercept else np.zeros(1)
        self.n_iter_ = model.iterations
        return self

    def decision_function(self, X: Any) -> Vector:
        """Return the log-odds of the event, (n,)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, reset=False)
        margin: Vector = x @ self.coef_[0] + self.intercept_[0]
        return margin

    def predict_proba(self, X: Any) -> Matrix:
        """Return the risk of either label, (n, 2)."""
        margin = self.decision_function(X)
        return np.column_stack([risk(-margin), risk(margin)])

    def predict(self, X: Any) -> Any:
        """Return the likelier label of each row, (n,)."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _two_classes(labels: Any) -> tuple[Any, Any]:
    """Return the two labels, and 0 or 1 for each row."""
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) > 2:
        kind = type_of_target(labels)
        raise FitError(f"Only binary classification is supported. The type of the target is {kind}. Give two classes")
    if len(classes) < 2:
        raise OneClassError("all rows are of one class; a model needs rows of both classes")
    return classes, codes
