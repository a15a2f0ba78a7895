"""Trained models as files, a module per framework: each written file is read again and compared
with the model before it counts.

To export another kind of learner is a module with FORMATS here, and a line in KINDS.
"""

# Learner, as module:class; and the module with its formats, the one in which it is kept first.
KINDS = {
    "fedh2l.learners.torch:TorchLearner": "fedh2l.learners.export.torch",
    "fedh2l.learners.sklearn:SklearnLearner": "fedh2l.learners.export.sklearn",
    "fedh2l.learners.lightgbm:LightGBMLearner": "fedh2l.learners.export.lightgbm",
    "fedh2l.learners.xgboost:XGBoostLearner": "fedh2l.learners.export.xgboost",
    "fedh2l.learners.jax:JaxLearner": "fedh2l.learners.export.jax",
    "fedh2l.learners.keras:KerasLearner": "fedh2l.learners.export.keras",
}
