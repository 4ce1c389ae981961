// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import { topic } from "../test/make";
import { draw, loaded } from "../test/render";
import { Controls } from "./Controls";

test("topic, source and window are chosen by their labels", async () => {
  const { store } = draw(<Controls />, {
    topics: loaded([topic("coffee"), topic("tea")]),
    sources: ["bluesky"],
  });
  await userEvent.selectOptions(screen.getByLabelText("Topic"), "tea");
  await userEvent.selectOptions(screen.getByLabelText("Source"), "bluesky");
  await userEvent.click(screen.getByLabelText("7d"));
  expect(store.get().selection).toEqual({ topic: "tea", source: "bluesky", window: "7d" });
  await userEvent.selectOptions(screen.getByLabelText("Topic"), "Everything");
  await userEvent.selectOptions(screen.getByLabelText("Source"), "All sources");
  expect(store.get().selection).toEqual({ topic: "*", source: null, window: "7d" });
});

test("what the address asked for is a choice, known or not", () => {
  draw(<Controls />, { selection: { topic: "gone", source: "rss", window: "1h" } });
  expect(screen.getByLabelText("Topic")).toHaveDisplayValue("gone");
  expect(screen.getByLabelText("Source")).toHaveDisplayValue("rss");
});
