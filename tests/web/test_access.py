from typing import Any

import pytest
from flask.testing import FlaskClient

from exchange.core.errors import NotSignedIn
from exchange.web import access, hooks
from tests.web.conftest import Shell


def test_everybody_may_see_a_public_page(client: FlaskClient) -> None:
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/private", "/silent", "/staff", "/review"])
def test_a_visitor_is_led_to_the_login_page_and_back(client: FlaskClient, path: str) -> None:
    answer = client.get(f"{path}?page=2")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next={path}%3Fpage%3D2"


def test_a_view_that_says_nothing_asks_for_a_sign_in(shell: Shell) -> None:
    assert shell.client().get("/silent").status_code == 303
    shell.sign_in()
    assert shell.client().get("/silent").data == b"silent"


def test_a_view_that_says_nothing_is_found(shell: Shell) -> None:
    assert access.undeclared(shell.app) == ["GET /silent silent"]


def test_a_program_without_a_token_gets_401(client: FlaskClient) -> None:
    answer = client.get("/api/v1/private")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json
    assert answer.json["code"] == "auth.required"


def test_a_bad_token_on_a_page_leads_to_the_login_page_too(shell: Shell) -> None:
    def refuse() -> Any:
        raise NotSignedIn("auth.token", "The token is not valid.")

    access.use_actor_loader(shell.app, refuse)
    assert shell.client().get("/private").status_code == 303
    assert shell.client().get("/api/v1/private").status_code == 401


@pytest.mark.parametrize(
    ("roles", "staff", "review"),
    [
        ((), 404, 404),
        (("operator",), 200, 404),
        (("reviewer",), 200, 200),
        (("operator", "reviewer"), 200, 200),
    ],
)
def test_a_page_of_the_exchange_is_not_there_for_others(
    shell: Shell, roles: tuple[str, ...], staff: int, review: int
) -> None:
    shell.sign_in(*roles)
    client = shell.client()
    assert (client.get("/staff").status_code, client.get("/review").status_code) == (staff, review)


def test_each_method_of_a_view_says_its_own_access(client: FlaskClient, shell: Shell) -> None:
    assert client.get("/mixed").data == b"read"
    assert client.head("/mixed").status_code == 200
    assert client.post("/mixed").status_code == 303
    assert not [line for line in access.undeclared(shell.app) if "mixed" in line]


def test_a_fragment_request_is_led_away_as_a_whole_page(client: FlaskClient) -> None:
    answer = client.get(
        "/private", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/listings?page=2"}
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/listings%3Fpage%3D2"


def test_options_needs_no_sign_in(client: FlaskClient) -> None:
    assert client.options("/private").status_code == 200


@pytest.mark.parametrize("target", ["/", "/listings/LS-1", "/search?q=a&page=2", "/a#b"])
def test_a_path_of_ours_is_safe_to_go_to(target: str) -> None:
    assert access.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "listings",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=1",
        " /a",
        "http:/evil",
    ],
)
def test_nothing_else_is(target: str | None) -> None:
    assert access.safe_next(target, "/desk") == "/desk"


def test_only_a_bearer_token_counts_as_one(shell: Shell) -> None:
    for header, expected in [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
    ]:
        with shell.app.test_request_context(headers={"Authorization": header}):
            assert access.bearer() == expected


def test_the_shell_alone_knows_only_visitors() -> None:
    nobody = hooks.Nobody()
    assert (nobody.user, nobody.party, nobody.label) == (None, None, "visitor")
