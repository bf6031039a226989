import pytest
from playwright.async_api import expect

from services.api.sessions import USER_TRIES

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def door(open_context):
    """A window in front of the form."""
    page = await (await open_context()).new_page()
    await page.goto("/login")
    return page


async def try_to_sign_in(page, name: str, password: str) -> None:
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_somebody_signs_in_and_out(sign_in):
    page = await sign_in()
    await expect(page.get_by_text("admin (admin)")).to_be_visible()

    await page.get_by_role("button", name="Sign out").click()

    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto("/alerts")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_the_keyboard_is_enough(door):
    await expect(door.get_by_label("Username")).to_be_focused()
    await door.keyboard.type("admin")
    await door.keyboard.press("Tab")
    await door.keyboard.type(PASSWORD)
    await door.keyboard.press("Enter")

    await expect(door.get_by_role("button", name="Sign out")).to_be_visible()


async def test_one_comes_where_one_wanted_to_go(door):
    await door.goto("/alerts?state=resolved&q=web")
    await try_to_sign_in(door, "admin", "not this one")
    await expect(door.get_by_role("alert")).to_be_visible()
    await try_to_sign_in(door, "admin", PASSWORD)

    await expect(door.get_by_role("button", name="Sign out")).to_be_visible()
    assert door.url.endswith("/alerts?state=resolved&q=web")


async def test_a_wrong_password_says_so_and_keeps_the_name(door, person):
    name, _ = await person("viewer")
    await try_to_sign_in(door, name, "not this one")

    await expect(door.get_by_role("alert")).to_have_text("The username or the password is wrong.")
    await expect(door.get_by_label("Username")).to_have_value(name)
    await expect(door.get_by_label("Password")).to_be_focused()
    await expect(door.get_by_label("Password")).to_have_value("")


async def test_too_many_tries_say_when_to_try_again(door, person):
    name, password = await person("viewer")
    for _ in range(USER_TRIES):
        async with door.expect_navigation():
            await try_to_sign_in(door, name, "not this one")
        await expect(door.get_by_role("alert")).to_have_text("The username or the password is wrong.")
    async with door.expect_navigation() as refused:
        await try_to_sign_in(door, name, password)

    assert (await refused.value).status == 429
    await expect(door.get_by_role("alert")).to_have_text("Too many tries. Try again in 30 seconds.")
    await expect(door.get_by_label("Username")).to_have_value(name)


async def test_a_name_is_text_whatever_is_in_it(door):
    await try_to_sign_in(door, '"><script>alert(1)</script>', "x")

    await expect(door.get_by_label("Username")).to_have_value('"><script>alert(1)</script>')


async def test_the_link_that_up_prints_signs_in_once(door, api):
    link = (await api.post("/login-links", {}))["url"]
    await door.goto(link)
    await expect(door.get_by_text("admin (admin)")).to_be_visible()
    await door.get_by_role("button", name="Sign out").click()
    await expect(door.get_by_label("Username")).to_be_visible()
    answer = await door.goto(link)

    assert answer.status == 410
    await expect(door.get_by_role("alert")).to_contain_text("Sign in with your password, or start “keepwatch up” again")
    await try_to_sign_in(door, "admin", PASSWORD)
    await expect(door.get_by_role("button", name="Sign out")).to_be_visible()


async def test_scripts_cannot_read_the_session(sign_in):
    page = await sign_in()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}

    assert "keepwatch_session" not in await page.evaluate("document.cookie")
    session = cookies["keepwatch_session"]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_the_form_is_accessible(open_context, accessible, scheme, size):
    page = await (await open_context(scheme=scheme, size=size)).new_page()
    await page.goto("/login")
    await accessible(page)
    await try_to_sign_in(page, "nobody", "nothing")
    await expect(page.get_by_role("alert")).to_be_visible()
    await accessible(page)


async def test_a_window_whose_session_has_ended_leads_to_sign_in_by_itself(sign_in, person, api):
    name, _ = await person("viewer")
    page = await sign_in(name)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.goto("/alerts?state=all")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")

    (user,) = [user for user in (await api.get("/users"))["items"] if user["name"] == name]
    assert (await api.call("PATCH", f"/users/{user['id']}", {"password": "another long password"}))[0] == 200

    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    await try_to_sign_in(page, name, "another long password")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url.endswith("/alerts?state=all")
