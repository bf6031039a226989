import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.async_api import expect

PASSWORD = "correct horse battery staple"
SCRIPT = "<script>alert(1)</script>"
FORMS = ("/settings", "/settings/password", "/settings/tokens/new", "/settings/users/new")


async def makes_a_token(page, name: str, role: str = "viewer", last_day: str = "") -> str:
    await page.goto("/settings")
    await page.get_by_role("link", name="New token").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Role").select_option(role)
    await page.get_by_label("Last day").fill(last_day)
    await page.get_by_role("button", name="Make token").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return await page.locator("#token").text_content()


async def adds_a_user(page, name: str, role: str = "operator", password: str = PASSWORD) -> None:
    await page.goto("/settings")
    await page.get_by_role("link", name="Add user").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Role").select_option(role)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Add user").click()


async def test_a_token_is_shown_once_works_and_is_revoked(page, api, keepwatch, http):
    name = f"nas {uuid4().hex[:6]}"
    token = await makes_a_token(page, name, "operator")

    assert token in await page.locator("#example").text_content()
    as_token = type(api)(http, keepwatch.url, token)
    me = await as_token.get("/me")
    assert (me["name"], me["role"]) == (name, "operator")
    await page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=name)
    await expect(row).to_contain_text("operator")
    await expect(row.locator("[data-label='Last used'] time")).to_be_visible()
    assert token not in await page.content()

    page.once("dialog", lambda dialog: dialog.accept())
    await row.get_by_role("button", name=f"Revoke {name}").click()
    await expect(page.get_by_text("The token is revoked.")).to_be_visible()
    await expect(page.get_by_role("row", name=name)).to_have_count(0)
    assert (await as_token.call("GET", "/me"))[0] == 401


async def test_revoking_asks_first(page):
    name = f"keep {uuid4().hex[:6]}"
    await makes_a_token(page, name)
    await page.goto("/settings")
    questions = []

    async def no(dialog):
        questions.append(dialog.message)
        await dialog.dismiss()

    page.once("dialog", no)
    await page.get_by_role("button", name=f"Revoke {name}").click()

    await expect(page.get_by_role("row", name=name)).to_be_visible()
    assert name in questions[0]


async def test_the_environments_token_stays_and_says_where_it_comes_from(page):
    await page.goto("/settings")
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Revoke admin token").click()

    await expect(page.get_by_role("alert")).to_contain_text("This token is set by KEEPWATCH_ADMIN_TOKEN")
    await expect(page.get_by_role("row", name="admin token")).to_be_visible()


async def test_a_token_is_copied(page):
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    token = await makes_a_token(page, f"copied {uuid4().hex[:6]}")
    await page.get_by_role("button", name="Copy token").click()
    await expect(page.locator(".toast")).to_have_text("Copied.")

    assert await page.evaluate("navigator.clipboard.readText()") == token


async def test_a_token_has_a_last_day(page, api):
    name = f"short {uuid4().hex[:6]}"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    await makes_a_token(page, name, last_day=tomorrow)

    (made,) = [token for token in (await api.get("/tokens"))["items"] if token["name"] == name]
    assert made["expires_at"].startswith(f"{tomorrow}T23:59:59")


async def test_a_last_day_in_the_past_says_so_at_its_field_and_keeps_what_was_typed(page):
    await page.goto("/settings/tokens/new")
    await page.get_by_label("Name").fill("too late")
    await page.get_by_label("Role").select_option("admin")
    await page.get_by_label("Last day").fill("2020-01-31")
    await page.get_by_role("button", name="Make token").click()

    await expect(page.get_by_label("Last day")).to_have_accessible_description(re.compile("must be in the future"))
    await expect(page.get_by_label("Name")).to_have_value("too late")
    await expect(page.get_by_label("Role")).to_have_value("admin")
    await expect(page.get_by_label("Last day")).to_have_value("2020-01-31")


async def test_a_user_is_added_changed_and_removed(page, sign_in):
    name = f"jana {uuid4().hex[:6]}"
    await adds_a_user(page, name)
    await expect(page.get_by_text("The user is added.")).to_be_visible()
    theirs = await sign_in(name)
    await expect(theirs.get_by_text(f"{name} (operator)")).to_be_visible()

    await page.get_by_role("link", name=name).click()
    await page.get_by_label("Role").select_option("viewer")
    await page.get_by_label("New password").fill("another long password")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name=name)).to_contain_text("viewer")
    await theirs.goto("/settings")
    await expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()
    theirs = await sign_in(name, "another long password")

    await page.get_by_role("link", name=name).click()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove user").click()
    await expect(page.get_by_text("The user is removed and signed out.")).to_be_visible()
    await expect(page.get_by_role("link", name=name)).to_have_count(0)
    await theirs.goto("/settings")
    await expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_taken_name_and_a_short_password_say_so_and_keep_what_was_typed(page):
    await adds_a_user(page, "Admin", "viewer")
    await expect(page.get_by_role("alert")).to_have_text("There is a user of this name.")
    await expect(page.get_by_label("Name")).to_have_value("Admin")

    await page.get_by_label("Name").fill("somebody")
    await page.get_by_label("Password").evaluate("field => field.minLength = 0")
    await page.get_by_label("Password").fill("short")
    await page.get_by_role("button", name="Add user").click()
    await expect(page.get_by_label("Password")).to_have_accessible_description(re.compile("at least 8 characters"))
    await expect(page.get_by_label("Name")).to_have_value("somebody")
    await expect(page.get_by_label("Password")).to_have_value("")


async def test_the_last_administrator_stays(page, api):
    others = [u for u in (await api.get("/users"))["items"] if u["role"] == "admin" and u["name"] != "admin"]
    assert others == []
    await page.goto("/settings")
    await page.get_by_role("link", name="admin", exact=True).click()
    await page.get_by_label("Role").select_option("viewer")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text("This is the last administrator.")
    await expect(page.get_by_label("Role")).to_have_value("viewer")

    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove user").click()
    await expect(page.get_by_role("alert")).to_have_text("This is the last administrator.")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


async def test_ones_own_password_needs_the_current_one_and_signs_out_elsewhere(sign_in, person):
    name, password = await person("viewer")
    here, elsewhere = await sign_in(name), await sign_in(name)
    await here.goto("/settings")
    await here.get_by_role("link", name="Change password").click()

    async def changes(current: str, again: str) -> None:
        await here.get_by_label("Current password").fill(current)
        await here.get_by_label("New password", exact=True).fill("another long password")
        await here.get_by_label("New password, again").fill(again)
        await here.get_by_role("button", name="Change password").click()

    await changes(password, "a different password")
    await expect(here.get_by_label("New password, again")).to_have_accessible_description(re.compile("not the same"))
    await changes("not this one", "another long password")
    await expect(here.get_by_label("Current password")).to_have_accessible_description("is not your password")
    await elsewhere.goto("/settings")
    await expect(elsewhere.get_by_role("heading", name="Settings")).to_be_visible()
    await changes(password, "another long password")

    await expect(here.get_by_text("Your password is changed.")).to_be_visible()
    await elsewhere.goto("/settings")
    await expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    await sign_in(name, "another long password")


async def test_guessing_the_current_password_is_rate_limited(sign_in, person):
    page = await sign_in((await person("viewer"))[0])
    await page.goto("/settings/password")
    for tried in range(6):
        await page.get_by_label("Current password").fill(f"guess {tried}")
        for label in ("New password", "New password, again"):
            await page.get_by_label(label, exact=True).fill("another long password")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Change password").click()

    await expect(page.get_by_role("alert")).to_have_text("Too many tries. Try again in 30 seconds.")


async def test_sessions_are_listed_and_the_others_ended(sign_in, person):
    name, _ = await person("operator")
    elsewhere, here = await sign_in(name), await sign_in(name)
    await here.goto("/settings")
    listed = here.get_by_role("region", name="Where you are signed in").get_by_role("listitem")
    await expect(listed).to_have_count(2)
    await expect(listed.first).to_contain_text("Chrome on Linux from 127.0.0.1")
    await expect(listed.filter(has_text="this one")).to_have_count(1)

    await here.get_by_role("button", name="Sign out everywhere else").click()

    await expect(listed).to_have_count(1)
    await expect(listed).to_contain_text("this one")
    await elsewhere.goto("/settings")
    await expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_others_see_only_what_is_theirs(sign_in, person, role):
    name, _ = await person(role)
    page = await sign_in(name)
    await page.goto("/settings")

    await expect(page.get_by_role("heading", name="My account")).to_be_visible()
    await expect(page.get_by_role("heading", name="API tokens")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Users")).to_have_count(0)
    assert "admin token" not in await page.content()
    for path in ("/settings/tokens/new", "/settings/users/new", f"/settings/users/{uuid4()}"):
        assert (await page.goto(path)).status == 403
        assert (await page.request.post(path, form={"name": "x", "role": "admin"})).status == 403


async def test_names_are_text_whatever_is_in_them(page):
    user, token = f"{SCRIPT}{uuid4().hex[:6]}", f'"><img src=x onerror=alert(1)>{uuid4().hex[:6]}'
    await adds_a_user(page, user)
    await makes_a_token(page, token)
    await page.goto("/settings")

    await expect(page.get_by_role("cell", name=user)).to_be_visible()
    await expect(page.get_by_role("cell", name=token, exact=True)).to_be_visible()
    await page.get_by_role("link", name=user).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(user)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_every_form_is_accessible(sign_in, api, accessible, scheme, size):
    page = await sign_in(scheme=scheme, size=size)
    me = next(user for user in (await api.get("/users"))["items"] if user["name"] == "admin")
    for path in (*FORMS, f"/settings/users/{me['id']}"):
        await page.goto(path)
        await accessible(page)
    await makes_a_token(page, f"seen {uuid4().hex[:6]}")
    await accessible(page)
    await page.goto("/settings/users/new")
    await page.get_by_label("Name").fill("admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Add user").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await accessible(page)
