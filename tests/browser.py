"""A headless Chromium, as a person in front of the pages has one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1920,1400"),
)
needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("chromedriver") is None,
    reason="chromium and its driver are not installed",
)


class Browser:
    """One browser window, and what can be seen in it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str, *shows: str) -> None:
        """Go to a page, and wait until all of these texts can be read on it."""
        self.driver.get("about:blank")  # or another fragment of the same page would not be loaded
        self.driver.get(url)
        self.wait_for(*shows)

    def wait_for(self, *shows: str, seconds: float = 60.0) -> str:
        """Wait until all of these texts can be read, and give all that can be."""
        try:
            self.until(lambda: all(text in self.text for text in shows), seconds)
        except AssertionError:
            missing = [text for text in shows if text not in self.text]
            raise AssertionError(f"{missing} not on {self.driver.current_url}:\n{self.text}") from None
        return self.text

    def until(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait until a condition holds, and give what it gave."""
        waiting = WebDriverWait(self.driver, seconds, 0.2, ignored_exceptions=(StaleElementReferenceException,))
        try:
            return waiting.until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"waited in vain: {error}") from error

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def all(self, css: str) -> list[Any]:
        """Give the visible elements that a CSS selector finds."""
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, css) if one.is_displayed()]

    def picture(self, path: Path) -> None:
        """Keep what is seen as PNG."""
        self.driver.save_screenshot(str(path))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Run a browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
