// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";

import { draw } from "../test/render";
import { Header } from "./Header";

beforeEach(() => {
  localStorage.clear();
  delete document.documentElement.dataset["theme"];
});

test.each([
  [{ live: true, reachable: true }, "Live"],
  [{ live: false, reachable: true }, "Polling"],
  [{ live: false, reachable: false }, "Offline"],
  [{ live: false, reachable: null }, "Connecting"],
])("%o is %s, in a word of its own", (link, word) => {
  draw(<Header />, link);
  expect(screen.getByText(word)).toBeInTheDocument();
  expect(screen.getByRole("status")).toHaveTextContent(new RegExp(`^${word}: .`));
});

test("the theme is switched by a button that says where to, and remembered", async () => {
  draw(<Header />);
  await userEvent.click(screen.getByRole("button", { name: "Switch to dark" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  expect(localStorage.getItem("barometer-theme")).toBe("dark");
  await userEvent.click(screen.getByRole("button", { name: "Switch to light" }));
  expect(localStorage.getItem("barometer-theme")).toBe("light");
});
