"""deploy/kubernetes is what Kubernetes takes, and hangs together."""

from pathlib import Path

import pytest
import yaml

kubernetes_validate = pytest.importorskip("kubernetes_validate")
HERE = Path("deploy/kubernetes")
VERSION = "1.31"
SERVICES = {"jobs", "alerts", "notifier", "api"}
FILES = sorted(path.name for path in HERE.glob("*.yaml") if path.name != "kustomization.yaml")
KUSTOMIZATION = yaml.safe_load((HERE / "kustomization.yaml").read_text())


def documents(*names: str) -> list[dict]:
    return [document for name in names for document in yaml.safe_load_all((HERE / name).read_text()) if document]


def of_kind(kind: str) -> list[dict]:
    return [document for document in documents(*KUSTOMIZATION["resources"]) if document["kind"] == kind]


@pytest.mark.parametrize("name", FILES)
def test_every_document_is_valid(name):
    for document in documents(name):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_all_is_applied_but_the_example_of_a_secret():
    assert set(KUSTOMIZATION["resources"]) == set(FILES) - {"secret.example.yaml"}


def test_every_service_is_deployed_kept_up_and_scaled():
    assert {each["metadata"]["name"] for each in of_kind("Deployment")} == SERVICES
    for kind, target in (
        ("PodDisruptionBudget", lambda each: each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]),
        ("HorizontalPodAutoscaler", lambda each: each["spec"]["scaleTargetRef"]["name"]),
    ):
        assert {target(each) for each in of_kind(kind)} == SERVICES, kind


def test_no_pod_may_do_more_than_it_needs():
    for each in [*of_kind("Deployment"), *of_kind("Job")]:
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        allowed = container["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert allowed["readOnlyRootFilesystem"]
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_secrets_come_by_reference_and_every_file_that_is_named_is_in_the_example():
    (config,) = of_kind("ConfigMap")
    (secret,) = documents("secret.example.yaml")
    named = {value for key, value in config["data"].items() if key.endswith("_FILE")}
    for each in of_kind("Deployment"):
        (container,) = each["spec"]["template"]["spec"]["containers"]
        named |= {variable["value"] for variable in container.get("env", []) if variable["name"].endswith("_FILE")}

    assert len(named) == 6
    assert {path.removeprefix("/run/keepwatch/") for path in named} == set(secret["stringData"])
