import { expect, it } from "vitest";
import { cidata } from "./nocloud.ts";

it("carries our key beside the user's file, which stays as it is", () => {
  const userData = "#cloud-config\nhostname: mine # a comment\n";
  const text = new TextDecoder().decode(
    cidata({ hostname: "a", instanceId: "i", publicKeys: ["ssh-ed25519 KEY a"], userData }),
  );
  expect(text).toContain("instance-id: i\nlocal-hostname: a\npublic-keys:\n  - ssh-ed25519 KEY a\n\0");
  expect(text).toContain(`${userData}\0`);
});
