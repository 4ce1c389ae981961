// @vitest-environment jsdom
import { expect, test } from "vitest";

import { takeKey } from "./key";

test("the key is taken out of the address, and the view stays in it", () => {
  history.replaceState(null, "", "/?topic=coffee#key=bar_a_b%2Bc");
  expect(takeKey()).toBe("bar_a_b+c");
  expect(location.href).toBe("http://localhost:3000/?topic=coffee");
  expect(takeKey()).toBeNull();
});

test("a fragment that is no key stays", () => {
  history.replaceState(null, "", "/#main");
  expect(takeKey()).toBeNull();
  expect(location.hash).toBe("#main");
});

test("a key that cannot be decoded is taken as it is, to be refused in words", () => {
  history.replaceState(null, "", "/#key=bar_%E0");
  expect(takeKey()).toBe("bar_%E0");
});
