"""The project's own OpenAPI document: valid, and true of what is answered. `test_comparison` has the published one
beside it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import validate

from cloud_bridge.api.links import BASE
from cloud_bridge.api.operation import Write
from cloud_bridge.api.routes import OPERATIONS
from tests.cloud_bridge.api.world import READABLE, ROOT, Api
from tests.published import Published


@pytest.fixture(scope="module")
def document(steady: Api) -> dict[str, Any]:
    body: dict[str, Any] = steady.send("GET", f"{BASE}/openapi.json").json()
    return body


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.")
    assert document["servers"] == [{"url": ROOT}]


def test_it_describes_every_operation_and_nothing_else(document: dict[str, Any]) -> None:
    described = [(path, method.upper()) for path, item in document["paths"].items() for method in item]
    served = [(each.path, each.method if isinstance(each, Write) else "GET") for each in OPERATIONS]
    assert described == served


@pytest.mark.parametrize("path", READABLE)
def test_what_a_resource_answers_is_as_the_document_says(steady: Api, document: dict[str, Any], path: str) -> None:
    response = steady.request(path, {"extension": "branding"} if path.endswith(("vehicles", "{vid}")) else {})
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    schema = content[response.headers["content-type"]]["schema"]
    validator = OAS30Validator(
        {"allOf": [schema], "components": document["components"]}, format_checker=oas30_format_checker
    )
    assert not list(validator.iter_errors(response.json()))


def test_a_path_id_is_described_by_the_form_that_is_asked_for(document: dict[str, Any]) -> None:
    patterns = {
        parameter["name"]: parameter["schema"]["pattern"]
        for item in document["paths"].values()
        for operation in item.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "path"
    }
    assert patterns.keys() == {"fid", "vid", "vin", "tid", "aid", "cid", "sid", "mid", "cbid", "rid"}
    assert re.fullmatch(patterns.pop("vin"), "VF3ABCDE0FG123456")
    assert all(re.fullmatch(pattern, "a" * 40) for pattern in patterns.values())


def test_every_published_operation_is_served_and_no_other(published: Published, document: dict[str, Any]) -> None:
    operations = {(path, method) for path, item in published.document["paths"].items() for method in item}
    assert operations == {(path, method) for path, item in document["paths"].items() for method in item}


def test_each_schema_has_a_name_that_a_client_generated_of_it_can_have_for_a_type(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch("[A-Z][A-Za-z0-9]*", name)] == []
    assert len({name.lower() for name in schemas}) == len(schemas)
    assert [name for name, schema in schemas.items() if schema.get("title", name) != name] == []


def test_no_field_may_be_null(document: dict[str, Any]) -> None:
    text = str(document["components"]["schemas"])
    assert "null" not in text.lower()


def test_the_browsing_page_loads_from_this_server_only(steady: Api) -> None:
    page = steady.send("GET", f"{BASE}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    for asset, content in (
        ("docs/assets/swagger-ui.css", "text/css"),
        ("docs/assets/swagger-ui-bundle.js", "javascript"),
        ("docs/assets/favicon-32x32.png", "image/png"),
        ("docs/page.js", "javascript"),
    ):
        assert f'"{asset}"' in page.text
        response = steady.send("GET", f"{BASE}/{asset}")
        assert response.status_code == 200
        assert content in response.headers["content-type"]
    assert "openapi.json" in steady.send("GET", f"{BASE}/docs/page.js").text
    assert b"SwaggerUIBundle" in steady.send("GET", f"{BASE}/docs/assets/swagger-ui-bundle.js").content


def test_the_page_cannot_be_left_for_other_files(steady: Api) -> None:
    for path in ("docs/assets/../../../../etc/passwd", "docs/assets/%2e%2e/%2e%2e/__init__.py", "docs/assets/"):
        assert steady.send("GET", f"{BASE}/{path}").status_code == 404
