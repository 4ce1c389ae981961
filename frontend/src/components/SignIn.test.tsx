// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { App } from "../App";
import { ok, refused } from "../test/make";
import { draw } from "../test/render";

test("a key is typed and sent by keyboard alone, without the white space of a paste", async () => {
  const signIn = vi.fn(async () => refused(401, "The key is not known."));
  draw(<App offeredKey={null} />, { session: "signed-out" }, { signIn });
  expect(screen.getByLabelText("Key")).toHaveFocus();
  await userEvent.keyboard(" bar_a_b {Enter}");
  expect(signIn).toHaveBeenCalledWith("bar_a_b");
});

test("a wrong key says so, and stays in the field to be mended", async () => {
  draw(
    <App offeredKey={null} />,
    { session: "signed-out" },
    { signIn: async () => refused(401, "The key is not known.") },
  );
  await userEvent.keyboard("bar_wrong{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("That key is not right. The key is not known.");
  expect(screen.getByLabelText("Key")).toHaveValue("bar_wrong");
  expect(screen.getByLabelText("Key")).toBeInvalid();
});

test("nothing is sent without a key", async () => {
  const signIn = vi.fn(async () => ok(null));
  draw(<App offeredKey={null} />, { session: "signed-out" }, { signIn });
  await userEvent.keyboard("  {Enter}");
  expect(signIn).not.toHaveBeenCalled();
  expect(screen.getByRole("button", { name: "Sign in" })).toBeDisabled();
});

test("a key from the address that was not taken stands in the field", () => {
  draw(<App offeredKey="bar_a_b" />, { session: "signed-out" });
  expect(screen.getByLabelText("Key")).toHaveValue("bar_a_b");
});
