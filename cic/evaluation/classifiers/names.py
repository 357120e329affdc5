"""Names of the classifiers in words."""

METHOD_NAMES = {
    "classifier": "classifier",
    "joint": "joint classifier",
    "code_logistic": "logistic regression on the code",
    "code_lda": "LDA on the code",
    "code_svm_rbf": "RBF SVM on the code",
    "code_nearest": "k-nearest on the code",
    "pca_logistic": "logistic regression on PCA codes",
    "pca_lda": "LDA on PCA codes",
    "profile_logistic": "logistic regression on genes",
    "profile_lda": "LDA on genes",
    "profile_svm_linear": "linear SVM on genes",
    "profile_svm_rbf": "RBF SVM on genes",
    "profile_forest": "random forest on genes",
    "profile_nearest": "k-nearest on genes",
    "profile_centroid": "nearest centroid on genes",
    "majority": "most frequent type",
}
"""Of classifiers, with what they see: the code, PCA's code of equal width, or the profile over all genes. That of the
model sees profile and ranks, and the joint classifier, trained along with the code, the code."""
