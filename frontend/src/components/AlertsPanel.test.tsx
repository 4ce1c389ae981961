// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { alert, ok, refused } from "../test/make";
import { draw, loaded } from "../test/render";
import { AlertsPanel } from "./AlertsPanel";

test("an alert tells what, where and how far over the limit", () => {
  draw(<AlertsPanel />, { alerts: loaded([alert({ topic: "football" })]) });
  const item = screen.getByRole("listitem");
  expect(item).toHaveTextContent("Too gloomyFiring");
  expect(item).toHaveTextContent("62% negative of 48 posts on football; the limit is 50%");
  expect(screen.getByText("1 firing")).toBeInTheDocument();
});

test("it is acknowledged with one press, once", async () => {
  const fires = alert();
  const acknowledge = vi.fn(async () =>
    ok({ ...fires, acknowledged_at: fires.fired_at, acknowledged_by: "ada" }),
  );
  draw(<AlertsPanel />, { alerts: loaded([fires]) }, { acknowledge });
  await userEvent.click(screen.getByRole("button", { name: "Acknowledge Too gloomy" }));
  expect(acknowledge).toHaveBeenCalledWith(fires.id);
  expect(await screen.findByText(/acknowledged by ada/)).toBeInTheDocument();
  expect(screen.queryByRole("button")).toBeNull();
  expect(screen.getByRole("listitem"), "the keyboard goes on from here").toHaveFocus();
});

test("a refusal is told, and it can be tried again", async () => {
  draw(
    <AlertsPanel />,
    { alerts: loaded([alert()]) },
    { acknowledge: async () => refused(403, "Needs read.") },
  );
  await userEvent.click(screen.getByRole("button", { name: /Acknowledge/ }));
  expect(await screen.findByRole("alert")).toHaveTextContent("Status 403. Needs read.");
  expect(screen.getByRole("button", { name: /Acknowledge/ })).toBeEnabled();
});

test("no alerts are said to be none", () => {
  draw(<AlertsPanel />, { alerts: loaded([]) });
  expect(screen.getByText("All calm: no rule has fired.")).toBeInTheDocument();
});
