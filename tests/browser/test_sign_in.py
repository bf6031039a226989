from playwright.async_api import expect


async def test_somebody_signs_in_and_out(sign_in):
    page = await sign_in()
    await expect(page.get_by_text("admin (admin)")).to_be_visible()

    await page.get_by_role("button", name="Sign out").click()

    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto("/alerts")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_wrong_password_says_so_and_keeps_the_name(open_context, person):
    name, _ = await person("viewer")
    page = await (await open_context()).new_page()
    await page.goto("/login")
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Sign in").click()

    await expect(page.get_by_role("alert")).to_have_text("The username or the password is wrong.")
    await expect(page.get_by_label("Username")).to_have_value(name)
