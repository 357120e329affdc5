"""The served model: from Python as MLflow loads it, and over HTTP as MLflow serves it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from store_parts import free_port, log_bundle, new_store, running, tiny_bundle

from cic.data.matrix import ExpressionMatrix
from cic.errors import ModelError
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS
from cic.model.reference import Reference
from cic.registry import registry
from cic.registry.gate import Decision
from cic.tracking.models import save_model


@pytest.fixture(scope="module", autouse=True)
def _no_pickles():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        yield


@pytest.fixture
def bundle(tmp_path, tiny) -> Path:
    return tiny_bundle(tmp_path / "bundle", tiny, 4, labelled=True)


@pytest.fixture
def served(tmp_path, bundle) -> mlflow.pyfunc.PyFuncModel:
    save_model(tmp_path / "model", bundle)
    return mlflow.pyfunc.load_model(str(tmp_path / "model"))


@pytest.fixture
def frame(tiny) -> pd.DataFrame:
    return pd.DataFrame(tiny.values[:5], index=tiny.samples.index[:5], columns=list(tiny.genes))


def test_codes_are_those_of_the_bundle_stamped_and_by_sample(served, bundle, tiny, frame):
    codes = served.predict(frame)
    assert list(codes.columns) == ["code_1", "code_2", "code_3", "code_4", *COLUMNS, *TYPE_COLUMNS, "model"]
    assert list(codes.index) == list(frame.index)
    assert set(codes["model"]) == {f"bundle:{bundle_digest(bundle)[:12]}"}
    expected = load_bundle(bundle).encode(tiny.values[:5])
    np.testing.assert_array_equal(codes.iloc[:, :4].to_numpy(dtype=np.float32), expected)


def test_the_other_outputs(served, bundle, tiny, frame):
    loaded = load_bundle(bundle)
    code_SW = loaded.encode(tiny.values[:5])
    reconstruction = served.predict(frame, params={"output": "reconstruction"})
    assert list(reconstruction.columns) == list(loaded.genes)
    np.testing.assert_array_equal(reconstruction.to_numpy(), loaded.decode(code_SW))
    probabilities = served.predict(frame, params={"output": "probabilities"})
    assert list(probabilities.columns) == [*loaded.labels, *COLUMNS, "model"]
    probabilities = probabilities[list(loaded.labels)]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    cell_type = served.predict(frame, params={"output": "cell_type"})
    assert list(cell_type["cell_type"]) == list(cell_type["likeliest"]) == list(probabilities.idxmax(axis=1))
    np.testing.assert_array_equal(cell_type["probability"], probabilities.max(axis=1))
    with pytest.raises(ModelError, match="no output `everything`"):
        served.predict(frame, params={"output": "everything"})


def test_genes_are_found_by_name_in_any_order_and_beside_others(served, frame):
    shuffled = frame.sample(frac=1, axis=1, random_state=1).assign(UNKNOWN=0.0)
    pd.testing.assert_frame_equal(served.predict(shuffled), served.predict(frame))


def test_missing_genes_are_refused_by_name(served, frame):
    with pytest.raises(ModelError, match=r"2 of the 200 genes.*GENE7, GENE9"):
        served.predict(frame.drop(columns=["GENE7", "GENE9"]))


def test_genes_are_never_taken_by_position(served, frame):
    with pytest.raises(ModelError, match="without gene names"):
        served.predict(frame.to_numpy())


def test_profiles_are_compared_with_those_held_out(tmp_path, tiny, frame):
    bundle = load_bundle(tiny_bundle(tmp_path / "plain", tiny, 4, labelled=True))
    save_bundle(tmp_path / "bundle", replace(bundle, reference=Reference.of(bundle, tiny.values)))
    save_model(tmp_path / "model", tmp_path / "bundle")
    served = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    frame.iloc[3] = frame.iloc[3].to_numpy()[::-1]
    for output in ("codes", "cell_type", "probabilities"):
        told = served.predict(frame, params={"output": output})
        assert list(told["familiar"]) == [True, True, True, False, True]
        assert told["error_ratio"].idxmax() == frame.index[3] and told["percentile"].iloc[3] == 100
    types = served.predict(frame, params={"output": "cell_type"})
    assert types["cell_type"].iloc[3] == "unknown" and types["likeliest"].iloc[3] in bundle.labels
    assert "unknown" not in set(types["cell_type"].drop(frame.index[3]))


@pytest.mark.attack("values that an import refuses, sent to a served model", "10", ended="refused, the reason alone")
@pytest.mark.parametrize("value", [100.0, 1e9, True, "7.5"])
def test_values_that_an_import_refuses_are_refused_with_the_reason_alone(served, frame, value):
    mapping = {gene: list(values) for gene, values in frame.items()}
    mapping["GENE3"][0] = value
    mapping["GENE3"] = np.array(mapping["GENE3"], dtype=object)
    frame = frame.astype(object)
    frame.iloc[0, 3] = value
    for given in (frame, mapping):
        with pytest.raises(ModelError) as refused:
            served.predict(given)
        refused.value.message = f"Failed to predict data '{given}'. Error: {refused.value.message}"  # as MLflow does
        assert refused.value.message.startswith(("True is", "a value of", "'7.5' is"))
        assert "GENE3" in refused.value.message and len(refused.value.message) < 500


def test_a_mapping_from_gene_to_values_is_as_good_as_a_frame(served, frame):
    given = {gene: np.array(values) for gene, values in frame.items()}
    np.testing.assert_array_equal(served.predict(given).to_numpy(), served.predict(frame).to_numpy())


def test_a_model_without_classifier_says_what_to_do(tmp_path, tiny, frame):
    save_model(tmp_path / "plain", tiny_bundle(tmp_path / "unlabelled", tiny, 2))
    plain = mlflow.pyfunc.load_model(str(tmp_path / "plain"))
    assert len(plain.predict(frame)) == 5
    with pytest.raises(ModelError, match="no classifier"):
        plain.predict(frame, params={"output": "cell_type"})


def test_a_bundle_that_is_not_the_one_saved_is_not_served(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    described = tmp_path / "model" / "artifacts" / "bundle" / "model.json"
    described.write_text(described.read_text() + " ")
    with pytest.raises(ModelError, match="not the one"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_nothing_in_the_model_is_pickled_and_its_needs_are_pinned(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    files = {
        path.relative_to(tmp_path / "model").as_posix() for path in (tmp_path / "model").rglob("*") if path.is_file()
    }
    assert {"MLmodel", "pyfunc.py", "artifacts/bundle/model.json", "artifacts/bundle/model.safetensors"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".pth"))]
    needs = (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    assert all("==" in need and "+" not in need for need in needs)
    assert any(need.startswith("torch==") for need in needs)


# --- over HTTP ---


def paper_size(tiny: ExpressionMatrix) -> ExpressionMatrix:
    """60 profiles over 20,000 genes."""
    values_SG = np.random.default_rng(1).normal(8, 2, size=(60, 20_000)).astype(np.float32)
    return ExpressionMatrix(values_SG, tuple(f"GENE{number:05d}" for number in range(20_000)), tiny.samples, "log2")


def ask(port: int, body: dict) -> tuple[int, dict]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_mlflow_serves_the_champion_at_20000_genes(tmp_path, tiny, template):
    uri = new_store(tmp_path, template)
    matrix = paper_size(tiny)
    bundle = tiny_bundle(tmp_path / "bundle", matrix, 30, labelled=True)
    version = log_bundle(uri, bundle, matrix).version
    registry.promote(uri, "cic", version, Decision(True, "promoted", ("for the test",), {"champion": None}))
    port = free_port()
    command = ["models", "serve", "-m", "models:/cic@champion", "--env-manager", "local", "--port", str(port)]
    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    with running(command, f"http://127.0.0.1:{port}/ping", tmp_path, environment):
        split = {"columns": list(matrix.genes), "index": ["a"], "data": matrix.values[:1].astype(float).tolist()}
        status, answer = ask(port, {"dataframe_split": split})
        assert status == 200, answer
        (code,) = answer["predictions"]
        assert code.pop("model") == "cic/1"
        expected = load_bundle(bundle).encode(matrix.values[:1])[0]
        np.testing.assert_allclose([code[f"code_{n}"] for n in range(1, 31)], expected, rtol=1e-3, atol=1e-4)

        reordered = {"columns": split["columns"][::-1], "data": [split["data"][0][::-1]]}
        _, answer = ask(port, {"dataframe_split": reordered, "params": {"output": "codes"}})
        np.testing.assert_allclose(answer["predictions"][0]["code_1"], expected[0], rtol=1e-3, atol=1e-4)
        by_gene = dict(zip(matrix.genes, [[value] for value in split["data"][0]], strict=True))
        status, answer = ask(port, {"inputs": by_gene, "params": {"output": "cell_type"}})
        assert status == 200 and answer["predictions"][0]["cell_type"] in set(tiny.samples["label"])

        status, answer = ask(
            port, {"dataframe_split": {"columns": split["columns"][1:], "data": [split["data"][0][1:]]}}
        )
        assert status == 400
        assert answer["message"].startswith("1 of the 20000 genes that the model needs are missing: GENE00000")
        assert len(answer["message"]) < 1000
